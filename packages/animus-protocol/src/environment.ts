/**
 * `.env` of an agent: who it is, where its Letta is, the key, and its channels' secrets. Read by
 * broca-config.ts; plugins read the keys they name out of `values`.
 */
import { distance } from 'fastest-levenshtein';
import { type AgentId, parseAgentId } from './agent-id.ts';
import { parseEndpoint } from './endpoint.ts';
import { readEnvironmentText } from './environment-text.ts';
import { type Problem, unknownKeyProblem } from './problem.ts';
import { failed, ok, type Result } from './result.ts';
import { isPlaceholder, isSecretKey, secretValues } from './secrets.ts';
import { LOG_LEVELS, type LogLevel, MODES, type Mode, RANGES, type Range } from './settings.ts';

export type Environment = {
  AGENT_ID?: AgentId;
  AGENT_ENDPOINT?: string;
  AGENT_API_KEY?: string;
  MESSAGE_MODE?: Mode;
  /** Of the Telegram channel alone. */
  TELEGRAM_MESSAGE_MODE?: Mode;
  QUEUE_REFRESH?: number;
  MAX_RETRIES?: number;
  DEBUG_MODE?: boolean;
  LOG_LEVEL?: LogLevel;
  /** Seconds; the three together say how long a turn may take. */
  LONG_TASK_MAX_WAIT?: number;
  MESSAGE_PROCESS_TIMEOUT_BUFFER?: number;
  MESSAGE_PROCESS_TIMEOUT?: number;
};
type Reader = (text: string) => Result<Environment[keyof Environment], string>;

const FILE = '.env';
/** Further from any known key than this, an unknown one is taken to be a plugin's. */
const FARTHEST_SLIP = 2;

const READERS: Readonly<Record<keyof Environment, Reader>> = {
  AGENT_ID: parseAgentId,
  AGENT_ENDPOINT: parseEndpoint,
  AGENT_API_KEY: parseKey,
  MESSAGE_MODE: (text) => readWord(text, MODES),
  TELEGRAM_MESSAGE_MODE: (text) => readWord(text, MODES),
  QUEUE_REFRESH: (text) => readNumber(text, RANGES.queueRefresh),
  MAX_RETRIES: (text) => readNumber(text, RANGES.maxRetries),
  DEBUG_MODE: readBoolean,
  LOG_LEVEL: (text) => readWord(text, LOG_LEVELS),
  LONG_TASK_MAX_WAIT: (text) => readNumber(text, RANGES.timeout),
  MESSAGE_PROCESS_TIMEOUT_BUFFER: (text) => readNumber(text, { ...RANGES.timeout, lowest: 0 }),
  MESSAGE_PROCESS_TIMEOUT: (text) => readNumber(text, RANGES.timeout),
};

/** Keys of the Telegram channel, which checks their values itself. */
const TELEGRAM = [
  'API_ID',
  'API_HASH',
  'BOT_TOKEN',
  'PHONE',
  'SESSION_STRING',
  'OWNER_ID',
  'OWNER_USERNAME',
  'REQUIRE_OWNER',
  'BUFFER_DELAY',
  'PROXY',
];
export const ENVIRONMENT_KEYS: readonly string[] = [...Object.keys(READERS), ...TELEGRAM.map((name) => `TELEGRAM_${name}`)];

export type ParsedEnvironment = {
  /** What Broca itself reads, as far as it is right. */
  environment: Environment;
  /** Every key of the file, as text. An empty value is the same as none and is left out. */
  values: Record<string, string>;
  secrets: string[];
  problems: Problem[];
};

export function parseEnvironment(text: string): ParsedEnvironment {
  const { entries, faults } = readEnvironmentText(text);
  const problems: Problem[] = faults.map(({ line, message }) => ({ file: FILE, key: `line ${line}`, message, severity: 'error' }));
  const lines = new Map<string, number>();
  for (const { key, line } of entries) {
    const former = lines.get(key);
    if (former !== undefined)
      problems.push({ file: FILE, key, message: `stands in line ${former} and in line ${line}; the last one counts`, severity: 'warning' });
    lines.set(key, line);
  }
  const values = Object.fromEntries(entries.map(({ key, value }) => [key, value]));
  for (const key of Object.keys(values)) if (values[key] === '') delete values[key];
  const environment: Environment = {};
  for (const [key, value] of Object.entries(values)) {
    if (isReaderKey(key)) Object.assign(environment, readKnown(key, value, problems));
    else problems.push(...checkOther(key, value));
  }
  return { environment, values, secrets: secretValues(values), problems };
}

function readKnown(key: keyof Environment, value: string, problems: Problem[]): Environment {
  const parsed = READERS[key](value);
  if (parsed.ok) return { [key]: parsed.value };
  // An address may carry a password, and a key is one: neither is repeated.
  const isQuiet = isSecretKey(key) || (key === 'AGENT_ENDPOINT' && value.includes('@'));
  problems.push({ file: FILE, key, ...(isQuiet ? {} : { value }), message: parsed.error, severity: 'error' });
  return {};
}

function checkOther(key: string, value: string): Problem[] {
  if (ENVIRONMENT_KEYS.includes(key)) {
    const message = "is still the template's example: put the real value, or remove the line";
    return isPlaceholder(value) ? [{ file: FILE, key, value, message, severity: 'warning' }] : [];
  }
  const upper = key.toUpperCase();
  const isSlip = key !== upper || ENVIRONMENT_KEYS.some((known) => distance(known, upper) <= FARTHEST_SLIP);
  if (!isSlip) return [];
  if (ENVIRONMENT_KEYS.includes(upper))
    return [{ file: FILE, key, message: `unknown key, ignored; did you mean ${upper}?`, severity: 'warning' }];
  const near = ENVIRONMENT_KEYS.filter((known) => distance(known, upper) <= FARTHEST_SLIP);
  return [unknownKeyProblem(FILE, key, near)];
}

function isReaderKey(key: string): key is keyof Environment {
  return Object.hasOwn(READERS, key);
}

function parseKey(text: string): Result<string, string> {
  if (isPlaceholder(text)) return failed("is still the template's example: put the key that Letta shows for this agent's account");
  if (!isPlainKey(text)) return failed('a key has no spaces and only plain characters: put exactly what Letta shows, without "Bearer"');
  return ok(text);
}

/** A key travels in an HTTP header, which takes no other characters; a blank in it is a slip of the hand. */
export function isPlainKey(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

function readWord<T extends string>(text: string, allowed: readonly T[]): Result<T, string> {
  const word = allowed.find((candidate) => candidate === text.toLowerCase());
  return word === undefined ? failed(`write one of ${allowed.join(', ')}`) : ok(word);
}

function readNumber(text: string, { lowest, highest, unit }: Range): Result<number, string> {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  return number >= lowest && number <= highest ? ok(number) : failed(`write a whole number of ${unit} from ${lowest} to ${highest}`);
}

/** Words that people use in `.env` files for yes and no. */
export function readBoolean(text: string): Result<boolean, string> {
  if (/^(true|1|yes)$/i.test(text)) return ok(true);
  if (/^(false|0|no)$/i.test(text)) return ok(false);
  return failed('write true or false');
}
