/**
 * Words on the command line → what is asked for. The commands are data: yargs reads them, prints their
 * help and refuses the rest; nothing is run here.
 */

import { VERSION } from 'animus-protocol';
import type { Argv, Options, PositionalOptions } from 'yargs';
import yargs from 'yargs';
import type { PlainCommandName } from '../commands/commands.ts';

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

type Words = Record<string, unknown>;

type Leaf = {
  /** As yargs writes it: `show <turn>`. */
  usage: string;
  about: string;
  name: PlainCommandName;
  positionals?: Record<string, PositionalOptions>;
  options?: Record<string, Options>;
  examples?: readonly string[];
  /** The command's arguments, from what was written; nothing by default. */
  args?(words: Words): Record<string, unknown>;
};

type Group = { name: string; about: string; leaves: readonly Leaf[] };

/** The machine's own time for a reply: a long task of an agent takes minutes. */
const DEFAULT_TIMEOUT_S = 900;
const OUTBOUND_TIMEOUT_S = 60;

const turn: PositionalOptions = { describe: 'number of the turn, as queue list shows it', type: 'string', coerce: wholeNumber };
const user: PositionalOptions = { describe: 'number of the user, or @username', type: 'string' };
const limit: Options = { describe: 'show at most so many', type: 'string', requiresArg: true, coerce: wholeNumber };
const channel: Options = { describe: 'only in this channel (default: in every channel)', type: 'string', requiresArg: true };

const GROUPS: readonly Group[] = [
  {
    name: 'queue',
    about: 'turns that wait, run or were set aside',
    leaves: [
      {
        usage: 'list',
        about: 'what is waiting, running, parked or not delivered yet',
        name: 'queue.list',
        options: {
          state: {
            describe: 'other turns',
            choices: ['open', 'all', 'queued', 'waiting', 'running', 'parked', 'settled'],
            requiresArg: true,
          },
          limit,
        },
        examples: ['queue list', 'queue list --state settled --limit 20'],
        args: (words) => pick(words, 'state', 'limit'),
      },
      { usage: 'stats', about: 'how many turns and parts there are of each kind', name: 'queue.stats' },
      {
        usage: 'show <turn>',
        about: 'all about one turn: messages, attempts, reply',
        name: 'queue.show',
        positionals: { turn },
        args: (words) => pick(words, 'turn'),
      },
      { usage: 'flush', about: 'drop every turn that waits; the running one goes on', name: 'queue.flush' },
      {
        usage: 'retry <turn>',
        about: 'put a parked turn back into the queue',
        name: 'queue.retry',
        positionals: { turn },
        options: {
          'even-if-asked-twice': { describe: 'also when nobody knows whether the agent got it', type: 'boolean', default: false },
        },
        examples: ['queue retry 7'],
        args: (words) => pick(words, 'turn', 'evenIfAskedTwice'),
      },
      {
        usage: 'settle <turn>',
        about: 'end a parked turn, or a reply that may not have arrived, which a person has dealt with',
        name: 'queue.settle',
        positionals: { turn },
        options: {
          as: { describe: 'how it ended', choices: ['answered', 'refused'], default: 'answered', requiresArg: true },
          reason: { describe: 'what was done about it', type: 'string', requiresArg: true, demandOption: true },
        },
        examples: ['queue settle 7 --reason "answered by telephone"'],
        args: (words) => pick(words, 'turn', 'as', 'reason'),
      },
      {
        usage: 'delete <turn>',
        about: 'remove one turn and its reply; its messages will not be taken again',
        name: 'queue.delete',
        positionals: { turn },
        args: (words) => pick(words, 'turn'),
      },
    ],
  },
  {
    name: 'users',
    about: 'people who wrote to the agent',
    leaves: [
      {
        usage: 'list',
        about: 'the most recently active first',
        name: 'users.list',
        options: { limit },
        args: (words) => pick(words, 'limit'),
      },
      { usage: 'get <user>', about: 'all about one', name: 'users.get', positionals: { user }, examples: ['users get @ada'], args: userOf },
      {
        usage: 'conversations <user>',
        about: 'where one talks with the agent',
        name: 'users.conversations',
        positionals: { user },
        args: userOf,
      },
      { usage: 'activate <user>', about: 'hear one again', name: 'users.activate', positionals: { user }, args: userOf },
      {
        usage: 'deactivate <user>',
        about: 'refuse what one writes from now on',
        name: 'users.deactivate',
        positionals: { user },
        args: userOf,
      },
    ],
  },
  {
    name: 'conversations',
    about: 'what was said',
    leaves: [
      {
        usage: 'list',
        about: 'the most recent first',
        name: 'conversations.list',
        options: { limit },
        args: (words) => pick(words, 'limit'),
      },
      {
        usage: 'get <conversation>',
        about: 'the newest messages of one, from both sides',
        name: 'conversations.get',
        positionals: { conversation: { describe: 'its number, or channel/chat', type: 'string' } },
        options: { limit },
        examples: ['conversations get console/main', 'conversations get 3 --limit 20'],
        args: (words) => pick(words, 'conversation', 'limit'),
      },
    ],
  },
  {
    name: 'settings',
    about: 'settings.json and .env of the agent',
    leaves: [
      { usage: 'show', about: 'every setting in force, and where it comes from', name: 'settings.show' },
      {
        usage: 'get <key>',
        about: 'one setting',
        name: 'settings.get',
        positionals: { key: { type: 'string', describe: 'dotted, as settings show writes it' } },
        examples: ['settings get message_processing.mode'],
        args: (words) => pick(words, 'key'),
      },
      {
        usage: 'set <key> <value>',
        about: 'change one setting in settings.json, and nothing else in it',
        name: 'settings.set',
        positionals: {
          key: { type: 'string', describe: 'dotted, as settings show writes it' },
          value: { type: 'string', describe: 'what it is to be' },
        },
        examples: ['settings set message_mode live', 'settings set plugins.telegram.enabled true'],
        args: (words) => pick(words, 'key', 'value'),
      },
      { usage: 'validate', about: 'check the files; exit code 78 when they cannot be used', name: 'settings.validate' },
    ],
  },
  {
    name: 'ignore',
    about: 'people whose messages are refused',
    leaves: [
      {
        usage: 'add <sender>',
        about: 'ignore one, by id or @username',
        name: 'ignore.add',
        positionals: { sender: { type: 'string', describe: 'id on the platform, or @username' } },
        options: { channel },
        examples: ['ignore add @spammer', 'ignore add 123456789 --channel telegram'],
        args: (words) => pick(words, 'sender', 'channel'),
      },
      {
        usage: 'remove <sender>',
        about: 'hear one again',
        name: 'ignore.remove',
        positionals: { sender: { type: 'string', describe: 'as ignore list shows it' } },
        options: { channel },
        args: (words) => pick(words, 'sender', 'channel'),
      },
      { usage: 'list', about: 'who is ignored', name: 'ignore.list' },
    ],
  },
];

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
    .option('folder', { describe: "the agent's folder (default: the current one)", type: 'string', requiresArg: true, global: true })
    .option('json', { describe: 'print the value as JSON', type: 'boolean', default: false, global: true })
    .command('run', 'be the worker of the agent in this folder until stopped');
  for (const group of GROUPS) addGroup(parser, group, (found) => (invocation = found));
  addTalk(parser, (found) => (invocation = found));
  addOutbound(parser, (found) => (invocation = found));
  const output = runParser(parser, argv);
  if (output.fault !== null) return { kind: 'usage', message: output.fault };
  if (output.text !== '') return { kind: 'text', text: output.text };
  return invocation === null ? { kind: 'usage', message: 'say what to do; broca --help lists the commands' } : { kind: 'run', invocation };
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
      found.fault ??= message ?? error?.message ?? 'not understood';
    })
    .parse([...argv], {}, (_error, _argv, output) => {
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
      const written = [words.text, words['--']].flatMap((part) => (Array.isArray(part) ? part.map(String) : []));
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
              user: text('whom: number of a user, or @username; goes to the chat they last wrote in'),
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

function userOf(words: Words): Record<string, unknown> {
  return pick(words, 'user');
}

function pick(words: Words, ...keys: string[]): Record<string, unknown> {
  return Object.fromEntries(keys.filter((key) => words[key] !== undefined).map((key) => [key, words[key]]));
}

function wholeNumber(written: unknown): number | undefined {
  if (written === undefined) return undefined;
  if (!/^[1-9]\d{0,14}$/.test(String(written))) throw new Error(`${JSON.stringify(written)} is no number: write a whole number from 1 on`);
  return Number(written);
}

function seconds(written: unknown): number {
  const value = Number(written);
  if (!(value > 0 && value <= 2_000_000)) throw new Error(`${JSON.stringify(written)} is no time: write seconds, as in --timeout 60`);
  return value;
}
