/**
 * Words on the command line → what is asked for. The commands are data: yargs reads them, prints their
 * help and refuses the rest; nothing is run here.
 */

import { VERSION } from 'animus-protocol';
import type { Argv, Options } from 'yargs';
import yargs from 'yargs';
import type { PlainCommandName } from '../commands/commands.ts';
import { GROUPS, type Group, type Leaf, lackOf, pick, type Words } from './groups.ts';

export type Invocation =
  | { kind: 'command'; name: PlainCommandName; args: Record<string, unknown>; folder: string; json: boolean }
  | { kind: 'send'; text: string | null; files: string[]; chat: string; timeoutMs: number; wait: boolean; folder: string; json: boolean }
  | OutboundInvocation
  | { kind: 'chat'; chat: string; timeoutMs: number; folder: string };

/** `args`: as outbound.send takes them. */
export type OutboundInvocation = {
  kind: 'outbound';
  args: Record<string, unknown>;
  key: string | null;
  wait: boolean;
  timeoutMs: number;
  folder: string;
  json: boolean;
};

export type Parsed = { kind: 'run'; invocation: Invocation } | { kind: 'text'; text: string } | { kind: 'usage'; message: string };

/** The machine's own time for a reply: a long task of an agent takes minutes. */
const DEFAULT_TIMEOUT_S = 900;
const OUTBOUND_TIMEOUT_S = 60;

const TALK_OPTIONS: Record<string, Options> = {
  chat: { describe: 'which conversation of the console', type: 'string', default: 'main', requiresArg: true },
  timeout: {
    describe: 'how long to wait for a reply, in seconds',
    type: 'string',
    default: String(DEFAULT_TIMEOUT_S),
    requiresArg: true,
    coerce: seconds,
  },
};

export function parseCommandLine(argv: readonly string[]): Parsed {
  let invocation: Invocation | null = null;
  const parser = yargs()
    .scriptName('broca')
    .usage(
      '$0 <command>\n\nThe worker of one Letta agent, and what can be asked of it. `broca run` starts it; the other commands work whether it runs or not.',
    )
    .option('folder', {
      describe: "the agent's folder (default: the current one)",
      type: 'string',
      requiresArg: true,
      global: true,
      coerce: onlyOne('--folder'),
    })
    .option('json', { describe: 'print the value as JSON', type: 'boolean', default: false, global: true })
    .command('run', 'be the worker of the agent in this folder until stopped')
    .epilogue('Plugins bring commands of their own: broca telegram --help');
  for (const group of GROUPS) addGroup(parser, group, (found) => (invocation = found));
  addTalk(parser, (found) => (invocation = found));
  addOutbound(parser, (found) => (invocation = found));
  const output = runParser(parser, argv);
  if (output.fault !== null) return { kind: 'usage', message: output.fault };
  if (output.text !== '') return { kind: 'text', text: output.text };
  return invocation === null ? { kind: 'usage', message: 'say what to do; broca --help lists the commands' } : { kind: 'run', invocation };
}

/** No word of a command line can hold it. */
const TEXT_MARK = '\0';
const TAKE_A_VALUE = new Set(['--folder', '--chat', '--timeout', '--attach']);

/** `send "-5 degrees"`: no option of `send` looks like that, so it is text, which yargs would not believe. */
function markText(argv: readonly string[]): string[] {
  const isSend = argv[0] === 'send' || (argv[0] === '--folder' && argv[2] === 'send');
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  return argv.map((word, index) => {
    const isValue = TAKE_A_VALUE.has(argv[index - 1] ?? '');
    const isText = /^-[^-]/.test(word) && word !== '-h';
    return isSend && isText && !isValue && index < end ? TEXT_MARK + word : word;
  });
}

function runParser(parser: Argv, argv: readonly string[]): { text: string; fault: string | null } {
  const found: { text: string; fault: string | null } = { text: '', fault: null };
  parser
    .parserConfiguration({ 'populate--': true })
    .strict()
    .demandCommand(1, 'say what to do')
    .recommendCommands()
    .version(VERSION)
    .help()
    .alias('help', 'h')
    .locale('en')
    .wrap(100)
    .exitProcess(false)
    .fail((message, error) => {
      const lack = message?.startsWith('Not enough non-option arguments') === true ? lackOf(argv) : null;
      found.fault ??= lack ?? message ?? error?.message ?? 'not understood';
    })
    .parse(markText(argv), {}, (_error, _argv, output) => {
      found.text = output === '' ? '' : `${output}\n`;
    });
  return found;
}

function addGroup(parser: Argv, group: Group, found: (invocation: Invocation) => void): void {
  parser.command(group.name, group.about, (inner) => {
    for (const leaf of group.leaves) {
      inner.command(
        leaf.usage,
        leaf.about,
        (words) => addWords(words, leaf),
        (words) => {
          const args = leaf.args?.(words) ?? {};
          found({ kind: 'command', name: leaf.name, args, folder: folderOf(words), json: words.json === true });
        },
      );
    }
    return inner.demandCommand(1, `say what to do with ${group.name}`);
  });
}

function addWords(parser: Argv, { positionals = {}, options = {}, examples = [] }: Leaf): Argv {
  for (const [key, positional] of Object.entries(positionals)) parser.positional(key, { ...positional, demandOption: true });
  for (const example of examples) parser.example(`$0 ${example}`, '');
  return parser.options(options);
}

function addTalk(parser: Argv, found: (invocation: Invocation) => void): void {
  parser.command(
    'send [text..]',
    'say something to the agent and print its reply',
    (words) =>
      words
        .positional('text', { describe: 'what to say; standard input when nothing is written here', type: 'string', array: true })
        .options(TALK_OPTIONS)
        .option('wait', { describe: 'wait for the reply (--no-wait: only store the message)', type: 'boolean', default: true })
        .option('attach', {
          describe: 'send a file with it; may be given several times',
          type: 'string',
          array: true,
          requiresArg: true,
          nargs: 1,
        })
        .example('$0 send "How are you?"', '')
        .example('$0 send --timeout 60 --json "Ping"', '')
        .example('$0 send --attach photo.png "What is this?"', ''),
    (words) => {
      // What stands after `--` is text, however it begins.
      const written = [words.text, words['--']].flatMap((part) =>
        Array.isArray(part) ? part.map((word) => String(word).replace(TEXT_MARK, '')) : [],
      );
      const files = Array.isArray(words.attach) ? words.attach.map(String) : [];
      const text = written.length > 0 ? written.join(' ') : files.length > 0 ? '' : null;
      found({ kind: 'send', text, files, wait: words.wait === true, json: words.json === true, ...talkOf(words) });
    },
  );
  parser.command(
    'chat',
    'talk with the agent line by line; Ctrl-D ends',
    (words) => words.options(TALK_OPTIONS).example('$0 chat', ''),
    (words) => found({ kind: 'chat', ...talkOf(words) }),
  );
}

function addOutbound(parser: Argv, found: (invocation: Invocation) => void): void {
  const text = (describe: string): Options => ({ describe, type: 'string', requiresArg: true });
  parser.command('outbound', 'write to people who did not ask (settings: outbound.enabled)', (inner) =>
    inner
      .command(
        'send',
        'send one message; it is no turn of the agent',
        (words) =>
          words
            .options({
              user: { ...text('whom: number of a user, or @username; goes to the chat they last wrote in'), coerce: recipientOf },
              chat: text('or which chat, by its id on the platform'),
              channel: { ...text('through which channel'), demandOption: true },
              account: text('which account of the channel, where it has several'),
              text: { ...text('what to say'), demandOption: true },
              'idempotency-key': text('the same key again sends nothing again'),
              'dry-run': { describe: 'show what would go where, and send nothing', type: 'boolean', default: false },
              wait: { describe: 'wait until it is handed over', type: 'boolean', default: false },
              timeout: { ...text('how long to wait, in seconds'), default: String(OUTBOUND_TIMEOUT_S), coerce: seconds },
            })
            .conflicts('user', 'chat')
            .check(({ user, chat }) => user !== undefined || chat !== undefined || 'say whom to write to: --user or --chat')
            .example('$0 outbound send --user @ada --channel telegram --text "The report is ready"', '')
            .example('$0 outbound send --chat main --channel console --text Hi --dry-run', ''),
        (words) =>
          found({
            kind: 'outbound',
            args: pick(words, 'user', 'chat', 'channel', 'account', 'text', 'dryRun'),
            key: typeof words['idempotency-key'] === 'string' ? words['idempotency-key'] : null,
            wait: words.wait,
            timeoutMs: Number(words.timeout) * 1000,
            folder: folderOf(words),
            json: words.json === true,
          }),
      )
      .demandCommand(1, 'say what to do with outbound'),
  );
}

function talkOf(words: Words): { chat: string; timeoutMs: number; folder: string } {
  return { chat: String(words.chat), timeoutMs: Number(words.timeout) * 1000, folder: folderOf(words) };
}

function folderOf(words: Words): string {
  return typeof words.folder === 'string' ? words.folder : '.';
}

function onlyOne(option: string): (written: unknown) => unknown {
  return (written) => {
    if (Array.isArray(written)) throw new Error(`${option} was given more than once`);
    return written;
  };
}

function seconds(written: unknown): number {
  const value = Number(written);
  if (!(value > 0 && value <= 2_000_000)) throw new Error(`${JSON.stringify(written)} is no time: write seconds, as in --timeout 60`);
  return value;
}

function recipientOf(written: unknown): string | undefined {
  if (written === undefined || /^([1-9]\d{0,14}|@.+)$/.test(String(written))) return written === undefined ? undefined : String(written);
  throw new Error(`${JSON.stringify(written)} is nobody to write to: write the number of a user, or @username`);
}
