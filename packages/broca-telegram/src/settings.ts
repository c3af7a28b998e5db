/** `plugins.telegram` of settings.json and the TELEGRAM_ keys of `.env`, put together. */
import { failed, ok, type Result, readBoolean } from 'animus-protocol';
import * as v from 'valibot';
import type { AccessMode, AccessRules } from './access/access-policy.ts';
import { parseProxy } from './proxy.ts';
import type { SocksProxy } from './telegram.ts';

export type ParseMode = 'markdown' | 'markdownv2' | 'html' | 'plain';
export type GroupMode = 'off' | 'mentioned' | 'all';

const PARSE_MODES = {
  markdown: 'markdown',
  md: 'markdown',
  markdownv2: 'markdownv2',
  html: 'html',
  plain: 'plain',
  none: 'plain',
} as const;
/** A person may be in a hurry, and a question must be asked some day. */
const LONGEST_BUFFER_S = 60;
/** A reply in more messages than anybody reads on a telephone. */
const FILE_ABOVE = 16_384;
const BUFFER_S = 1;

const person = v.union(
  [v.pipe(v.number(), v.integer(), v.minValue(1)), v.pipe(v.string(), v.regex(/^(@?[A-Za-z]\w{2,31}|-?[1-9]\d{0,18})$/))],
  'write ids, as in 123456789, or usernames in quotes, as in "@ada"',
);

function oneOf<const T extends string>(...allowed: T[]) {
  return v.picklist(allowed, `write one of ${allowed.map((word) => `"${word}"`).join(', ')}`);
}

const seconds = `write seconds, from 0 to ${LONGEST_BUFFER_S}, without quotes`;
const length = 'write a number of characters, 1000 or more, or null for never';

/** What `plugins.telegram` holds besides `enabled`, defaults put in. */
export type TelegramSettings = {
  parse_mode: ParseMode;
  access?: AccessMode | undefined;
  allow: (number | string)[];
  groups: GroupMode;
  edits: 'ignore' | 'tell';
  buffer_delay?: number | undefined;
  link_previews: boolean;
  file_above: number | null;
  proxy: string | null;
};

export const telegramSettings: v.GenericSchema<unknown, TelegramSettings> = v.object({
  parse_mode: v.optional(
    v.pipe(
      v.nullable(v.string('write "Markdown", "MarkdownV2", "HTML" or "plain"')),
      v.transform((written) => (written ?? 'plain').toLowerCase()),
      v.check((written) => Object.hasOwn(PARSE_MODES, written), 'write "Markdown", "MarkdownV2", "HTML" or "plain"'),
      v.transform((written): ParseMode => PARSE_MODES[written as keyof typeof PARSE_MODES]),
    ),
    'markdown',
  ),
  access: v.optional(oneOf('owner', 'list', 'pairing', 'open')),
  allow: v.optional(v.array(person, 'write a list: [ … ]'), []),
  groups: v.optional(oneOf('off', 'mentioned', 'all'), 'off'),
  edits: v.optional(oneOf('ignore', 'tell'), 'ignore'),
  buffer_delay: v.optional(v.pipe(v.number(seconds), v.minValue(0, seconds), v.maxValue(LONGEST_BUFFER_S, seconds))),
  link_previews: v.optional(v.boolean('write true or false, without quotes'), true),
  file_above: v.optional(v.nullable(v.pipe(v.number(length), v.integer(length), v.minValue(1000, length))), FILE_ABOVE),
  proxy: v.optional(v.nullable(v.string('write an address in quotes, as in "socks5://127.0.0.1:1080"')), null),
});

export type TelegramKey = `TELEGRAM_${
  | 'API_ID'
  | 'API_HASH'
  | 'PHONE'
  | 'BOT_TOKEN'
  | 'OWNER_ID'
  | 'OWNER_USERNAME'
  | 'REQUIRE_OWNER'
  | 'SESSION_STRING'
  | 'BUFFER_DELAY'
  | 'PROXY'}`;

/** The keys of `.env` that are read here. */
export const TELEGRAM_KEYS: readonly TelegramKey[] = [
  'TELEGRAM_API_ID',
  'TELEGRAM_API_HASH',
  'TELEGRAM_PHONE',
  'TELEGRAM_BOT_TOKEN',
  'TELEGRAM_OWNER_ID',
  'TELEGRAM_OWNER_USERNAME',
  'TELEGRAM_REQUIRE_OWNER',
  'TELEGRAM_SESSION_STRING',
  'TELEGRAM_BUFFER_DELAY',
  'TELEGRAM_PROXY',
];

export type Environment = (key: TelegramKey) => string | undefined;

export type TelegramConfig = {
  parseMode: ParseMode;
  access: AccessRules;
  groups: GroupMode;
  edits: 'ignore' | 'tell';
  bufferMs: number;
  hasPreviews: boolean;
  /** Longer replies go as a file; null: never. */
  fileAbove: number | null;
  proxy: SocksProxy | null;
};

/** Credentials as `.env` has them; what is missing there may be in the session file, or is asked for by a login. */
export type WrittenCredentials = {
  apiId: number | null;
  apiHash: string | null;
  phone: string | null;
  botToken: string | null;
  session: string | null;
};

/** The error names every key that is wrong. Values that may be secret are not repeated. */
export function readConfig(settings: TelegramSettings, env: Environment): Result<TelegramConfig, string> {
  const faults: string[] = [];
  const take = <T>(result: Result<T, string>, otherwise: T): T => {
    if (result.ok) return result.value;
    faults.push(result.error);
    return otherwise;
  };
  const requireOwner = take(readFlag('TELEGRAM_REQUIRE_OWNER', env), null);
  const ownerId = take(readOwnerId(env), null);
  const ownerName = env('TELEGRAM_OWNER_USERNAME')?.replace(/^@/, '').toLowerCase() ?? null;
  if (ownerName !== null && !/^[a-z]\w{2,31}$/.test(ownerName)) faults.push('TELEGRAM_OWNER_USERNAME: write a username, as in @ada');
  const bufferS = settings.buffer_delay ?? take(readBuffer(env), BUFFER_S);
  const proxyText = settings.proxy ?? env('TELEGRAM_PROXY') ?? null;
  const proxy = proxyText === null ? null : take(parseProxy(proxyText), null);
  const mode: AccessMode = settings.access ?? (requireOwner === false ? 'open' : 'owner');
  if (faults.length > 0) return failed(faults.join('; '));
  return ok({
    parseMode: settings.parse_mode,
    access: { mode, ownerId, ownerName, allow: settings.allow.map((one) => normalPerson(String(one))) },
    groups: settings.groups,
    edits: settings.edits,
    bufferMs: bufferS * 1000,
    hasPreviews: settings.link_previews,
    fileAbove: settings.file_above,
    proxy,
  });
}

export function readCredentials(env: Environment): Result<WrittenCredentials, string> {
  const id = env('TELEGRAM_API_ID');
  if (id !== undefined && !/^[1-9]\d{0,9}$/.test(id))
    return failed('TELEGRAM_API_ID: write the number that my.telegram.org shows as api_id');
  const hash = env('TELEGRAM_API_HASH');
  if (hash !== undefined && !/^[0-9a-f]{32}$/i.test(hash))
    return failed('TELEGRAM_API_HASH: write the 32 characters that my.telegram.org shows as api_hash');
  const token = env('TELEGRAM_BOT_TOKEN');
  if (token !== undefined && !isBotToken(token))
    return failed('TELEGRAM_BOT_TOKEN: write the token as @BotFather gave it, digits, a colon and the rest');
  return ok({
    apiId: id === undefined ? null : Number(id),
    apiHash: hash ?? null,
    phone: env('TELEGRAM_PHONE') ?? null,
    botToken: token ?? null,
    session: env('TELEGRAM_SESSION_STRING') ?? null,
  });
}

export function isBotToken(text: string): boolean {
  return /^[1-9]\d{4,14}:[\w-]{20,64}$/.test(text);
}

/** An id, or a username in lower case with its @. */
function normalPerson(written: string): string {
  return /^-?\d+$/.test(written) ? written : `@${written.replace(/^@/, '').toLowerCase()}`;
}

function readFlag(key: TelegramKey, env: Environment): Result<boolean | null, string> {
  const written = env(key);
  if (written === undefined) return ok(null);
  const read = readBoolean(written);
  return read.ok ? read : failed(`${key}: ${read.error}`);
}

function readOwnerId(env: Environment): Result<string | null, string> {
  const written = env('TELEGRAM_OWNER_ID');
  if (written === undefined || /^[1-9]\d{0,18}$/.test(written)) return ok(written ?? null);
  return failed(
    'TELEGRAM_OWNER_ID: write the number of your account (a bot such as @userinfobot tells it), or use TELEGRAM_OWNER_USERNAME',
  );
}

function readBuffer(env: Environment): Result<number, string> {
  const written = env('TELEGRAM_BUFFER_DELAY');
  if (written === undefined) return ok(BUFFER_S);
  const value = /^\d{1,3}(\.\d+)?$/.test(written) ? Number(written) : Number.NaN;
  return value <= LONGEST_BUFFER_S ? ok(value) : failed(`TELEGRAM_BUFFER_DELAY: ${seconds}`);
}
