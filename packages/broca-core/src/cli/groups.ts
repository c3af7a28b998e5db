/** The commands that one line asks and one answer shows, as data: invocation.ts gives them to yargs. */
import type { Options, PositionalOptions } from 'yargs';
import type { PlainCommandName } from '../commands/commands.ts';

export type Words = Record<string, unknown>;

export type Leaf = {
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

export type Group = { name: string; about: string; leaves: readonly Leaf[] };

const turn: PositionalOptions = { describe: 'number of the turn, as queue list shows it', type: 'string', coerce: wholeNumber };
const user: PositionalOptions = {
  describe: 'number of the user, @username, or a name as users list shows it',
  type: 'string',
  coerce: personOf,
};
const limit: Options = { describe: 'show at most so many', type: 'string', requiresArg: true, coerce: wholeNumber };
const channel: Options = { describe: 'only in this channel (default: in every channel)', type: 'string', requiresArg: true };

export const GROUPS: readonly Group[] = [
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
          reason: { describe: 'what was done about it', type: 'string', requiresArg: true },
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

function userOf(words: Words): Record<string, unknown> {
  return pick(words, 'user');
}

export function pick(words: Words, ...keys: string[]): Record<string, unknown> {
  return Object.fromEntries(keys.filter((key) => words[key] !== undefined).map((key) => [key, words[key]]));
}

function wholeNumber(written: unknown): number | undefined {
  if (written === undefined) return undefined;
  if (!/^[1-9]\d{0,14}$/.test(String(written))) throw new Error(`${JSON.stringify(written)} is no number: write a whole number from 1 on`);
  return Number(written);
}

function personOf(written: unknown): string | undefined {
  if (written === undefined) return undefined;
  const name = String(written).trim();
  if (name === '' || name === '@') throw new Error(`${JSON.stringify(written)} is nobody: write the number of a user, @username or a name`);
  return name;
}

/** What a command line lacks, with an example; null when its command is none of these. */
export function lackOf(argv: readonly string[]): string | null {
  const words = argv.filter((word) => !word.startsWith('-'));
  const group = GROUPS.find(({ name }) => words.includes(name));
  const leaf = group?.leaves.find(({ usage }) => words.includes(firstOf(usage)));
  if (group === undefined || leaf === undefined) return null;
  const [example] = leaf.examples ?? [];
  return `something is missing: broca ${group.name} ${leaf.usage}${example === undefined ? '' : `, as in: broca ${example}`}`;
}

function firstOf(usage: string): string {
  return usage.split(' ')[0] ?? usage;
}

/** A first word that has a help of its own. */
export function isGroup(word: string | undefined): boolean {
  return GROUPS.some(({ name }) => name === word) || word === 'send' || word === 'chat' || word === 'outbound';
}
