/** `broca telegram …` and `animus telegram <agent> …`. */
import { parseArgs } from 'node:util';
import { EXIT, type ExitCode } from 'animus-protocol';
import type { ChannelCommandTools } from 'broca-core';
import { logIn } from './login.ts';
import { showAccount, showCode, showPairing, showStatus } from './show.ts';

const HELP = `broca telegram <command> [--json]

  login           log in: a bot by its token, a person by telephone number, code and password
  logout          end the session, here and at Telegram
  whoami          who is logged in
  status          connection, login, and who may talk
  pair owner      a code that makes whoever sends it to this account its owner
  pair list       the owner, whom they let in, and who waits for it
  pair approve C  let in whoever has the code C
  pair revoke I   no longer hear the person with the id I
  pair forget-owner  unpair the owner

Options of login:
  --bot, --user   as which of the two (default: what .env has, else it asks)
  --again         also when somebody is logged in already
  --stdin         read the answers from standard input, one a line, in the order of the questions

Secrets are never given on the command line: login asks for them, or takes them from .env (TELEGRAM_API_ID,
TELEGRAM_API_HASH, TELEGRAM_BOT_TOKEN, TELEGRAM_PHONE). API id and hash come from https://my.telegram.org; bots
need them too.

Examples:
  broca telegram login
  broca telegram pair approve ABCD-EFGH
`;

const OPTIONS = {
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
  bot: { type: 'boolean', default: false },
  user: { type: 'boolean', default: false },
  again: { type: 'boolean', default: false },
  stdin: { type: 'boolean', default: false },
} as const;

type Options = { json: boolean; help: boolean; bot: boolean; user: boolean; again: boolean; stdin: boolean };

export async function runCommandLine(words: readonly string[], tools: ChannelCommandTools): Promise<ExitCode> {
  const { terminal } = tools;
  const usage = (message: string): ExitCode => {
    terminal.err(`broca: ${message}\nSee broca telegram --help\n`);
    return EXIT.usage;
  };
  let read: { values: Options; positionals: string[] };
  try {
    read = parseArgs({ args: [...words], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error));
  }
  const { values, positionals } = read;
  if (values.help || positionals.length === 0) {
    if (values.help) terminal.out(HELP);
    else terminal.err(HELP);
    return values.help ? EXIT.done : EXIT.usage;
  }
  const [command = '', action = '', argument, ...more] = positionals;
  if (more.length > 0) return usage(`too many words: ${more.join(' ')}`);
  if (command !== 'pair' && positionals.length > 1) return usage(`${command} takes no further words`);
  switch (command) {
    case 'login':
      if (values.bot && values.user) return usage('--bot or --user, not both');
      return await logIn(values, tools);
    case 'logout':
      return await answer('logout', {}, values, tools, () => 'Logged out.\n');
    case 'whoami':
      return await answer('whoami', {}, values, tools, showAccount);
    case 'status':
      return await answer('status', {}, values, tools, showStatus);
    case 'pair':
      return await pair(action, argument, values, tools, usage);
    default:
      return usage(`telegram has no command ${JSON.stringify(command)}`);
  }
}

async function pair(
  action: string,
  argument: string | undefined,
  values: Options,
  tools: ChannelCommandTools,
  usage: (message: string) => ExitCode,
): Promise<ExitCode> {
  switch (action) {
    case 'owner':
      return await answer('pair.owner', {}, values, tools, showCode);
    case 'list':
      return await answer('pair.list', {}, values, tools, showPairing);
    case 'approve':
      if (argument === undefined) return usage('write the code: broca telegram pair approve ABCD-EFGH');
      return await answer(
        'pair.approve',
        { code: argument },
        values,
        tools,
        (friend) => `${showAccount(friend).trimEnd()} may talk to the agent now.\n`,
      );
    case 'revoke':
      if (argument === undefined) return usage('write the id: broca telegram pair revoke 123456789');
      return await answer('pair.revoke', { id: argument }, values, tools, () => `${argument} is not heard any more.\n`);
    case 'forget-owner':
      return await answer('pair.forget-owner', {}, values, tools, () => 'The account has no paired owner any more.\n');
    default:
      return usage('say what to do: pair owner, list, approve, revoke or forget-owner');
  }
}

async function answer(
  command: string,
  args: Record<string, unknown>,
  { json }: Options,
  { ask, terminal }: ChannelCommandTools,
  show: (value: unknown) => string,
): Promise<ExitCode> {
  const answered = await ask(command, args);
  if (!answered.ok) {
    terminal.err(`broca: ${answered.error}\n`);
    return EXIT.failed;
  }
  terminal.out(json ? `${JSON.stringify(answered.value, null, 2)}\n` : show(answered.value));
  return EXIT.done;
}
