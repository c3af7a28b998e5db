/**
 * `settings.json` of an agent: what it may say, and every fault of what it says. Read by
 * broca-config.ts, which puts it together with `.env` and the fleet's defaults.
 *
 * The nested keys are the seed's; the flat ones (`message_mode` …) are the original Broca's.
 */
import * as v from 'valibot';
import type { Problem } from './problem.ts';
import { type KnownKeys, parseJsonFile } from './settings-file.ts';

export type Mode = 'echo' | 'listen' | 'live';
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** echo: answers with the text the agent would read · listen: stores only · live: asks the agent. */
export const MODES: readonly Mode[] = ['echo', 'listen', 'live'];
export const LOG_LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

/** What both ends of a number mean; the messages and the JSON Schema say them. */
export type Range = { lowest: number; highest: number; unit: string };
export const RANGES: Readonly<
  Record<
    | 'queueRefresh'
    | 'maxRetries'
    | 'giveUpAfter'
    | 'keepDays'
    | 'keepSize'
    | 'timeout'
    | 'retryFirst'
    | 'retryLongest'
    | 'messageLength'
    | 'waiting'
    | 'attachments'
    | 'attachmentSize'
    | 'retentionDays'
    | 'databaseSize'
    | 'perMinute',
    Range
  >
> = {
  queueRefresh: { lowest: 1, highest: 300, unit: 'seconds' },
  maxRetries: { lowest: 0, highest: 10, unit: 'retries' },
  /** A minute to 30 days. */
  giveUpAfter: { lowest: 60, highest: 2_592_000, unit: 'seconds' },
  keepDays: { lowest: 1, highest: 3650, unit: 'days' },
  keepSize: { lowest: 1, highest: 100_000, unit: 'megabytes' },
  timeout: { lowest: 1, highest: 86_400, unit: 'seconds' },
  retryFirst: { lowest: 1, highest: 3_600, unit: 'seconds' },
  retryLongest: { lowest: 1, highest: 86_400, unit: 'seconds' },
  /** A spool file is at most 1 MiB, and a character may take six bytes in it. */
  messageLength: { lowest: 1, highest: 150_000, unit: 'characters' },
  waiting: { lowest: 1, highest: 10_000_000, unit: 'messages' },
  attachments: { lowest: 0, highest: 100, unit: 'files' },
  attachmentSize: { lowest: 1, highest: 2_000, unit: 'megabytes' },
  retentionDays: { lowest: 1, highest: 36_500, unit: 'days' },
  databaseSize: { lowest: 1, highest: 1_000_000, unit: 'megabytes' },
  perMinute: { lowest: 1, highest: 10_000, unit: 'messages a minute' },
};

export type PluginSettings = { enabled?: boolean; message_mode?: Mode; [setting: string]: unknown };
export type MessageProcessing = {
  mode?: Mode;
  queue_refresh?: number;
  max_retries?: number;
  give_up_after?: number;
  retry_first?: number;
  retry_longest?: number;
};
/** What is refused, so that nobody fills the disk or the queue. */
export type LimitSettings = {
  message_length?: number;
  waiting_per_sender?: number;
  waiting?: number;
  attachments?: number;
  attachment_megabytes?: number;
};
/** null: for ever, whatever the fleet's defaults say. */
export type RetentionSettings = { messages_days?: number | null; database_megabytes?: number | null };
/** What becomes of the images that people send; how many and how large is in `limits`. */
export type ImageSettings = { enabled?: boolean; upload?: { enabled?: boolean; url?: string | null } };
/** Messages that nobody asked for. */
export type OutboundSettings = { enabled?: boolean; per_minute?: number };
export type LogSettings = { level?: LogLevel; keep_days?: number; keep_megabytes?: number };
export type Settings = {
  $schema?: string;
  agent?: { id?: string; name?: string | null; description?: string | null };
  message_processing?: MessageProcessing;
  limits?: LimitSettings;
  retention?: RetentionSettings;
  images?: ImageSettings;
  outbound?: OutboundSettings;
  logs?: LogSettings;
  plugins?: Record<string, PluginSettings>;
  debug_mode?: boolean;
  message_mode?: Mode;
  queue_refresh?: number;
  max_retries?: number;
};

/** A whole number in a range, with what to write when it is not. */
export function wholeNumber({ lowest, highest, unit }: Range, meaning: string): v.GenericSchema<number> {
  const allowed = `write a whole number of ${unit} from ${lowest} to ${highest}, without quotes`;
  return v.pipe(v.number(allowed), v.integer(allowed), v.minValue(lowest, allowed), v.maxValue(highest, allowed), v.description(meaning));
}

/** A whole number, or null for no bound at all. */
export function orForEver(range: Range, meaning: string): v.GenericSchema<number | null> {
  return v.pipe(v.nullable(wholeNumber(range, meaning)), v.description(meaning));
}

export function yesOrNo(meaning: string): v.GenericSchema<boolean> {
  return v.pipe(v.boolean('write true or false, without quotes'), v.description(meaning));
}

export function oneOf<const T extends string>(allowed: readonly T[], meaning: string): v.GenericSchema<T> {
  return v.pipe(v.picklist(allowed, `write one of ${allowed.map((word) => `"${word}"`).join(', ')}`), v.description(meaning));
}

const SECTION = 'write an object: { … }';
const WEB_ADDRESS = 'write an address in quotes, as in "https://host/upload", or null';
const mode = oneOf(MODES, 'echo answers with the text the agent would read, listen only stores, live asks the agent. Default: live.');
const queueRefresh = wholeNumber(
  RANGES.queueRefresh,
  'How often Broca looks for changes that other processes made, in seconds. Default: 5.',
);
const maxRetries = wholeNumber(
  RANGES.maxRetries,
  'How often a turn that the agent ran and failed is tried again. What Letta did not run (unreachable, 5xx, 429) counts against give_up_after instead. Default: 3.',
);

const agent = v.object(
  {
    id: v.exactOptional(
      v.pipe(
        v.string('write the id that Letta shows, in quotes'),
        v.regex(
          /^(agent-)?(?!agent-)(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
          'write the id that Letta shows, as in agent-721679f6-c8af-4e01-8677-dc042dc80368',
        ),
        v.description("The agent's id, with or without `agent-`. Must be the agent this folder belongs to."),
      ),
    ),
    name: v.exactOptional(v.pipe(v.nullable(v.string('write a text in quotes')), v.description('What people call the agent.'))),
    description: v.exactOptional(v.pipe(v.nullable(v.string('write a text in quotes')), v.description('What the agent is for.'))),
  },
  SECTION,
);

const messageProcessing = v.object(
  {
    mode: v.exactOptional(mode),
    queue_refresh: v.exactOptional(queueRefresh),
    max_retries: v.exactOptional(maxRetries),
    give_up_after: v.exactOptional(
      wholeNumber(
        RANGES.giveUpAfter,
        'How long a message waits for a Letta that cannot be reached before it is parked, in seconds. Default: 86400 (a day).',
      ),
    ),
    retry_first: v.exactOptional(
      wholeNumber(
        RANGES.retryFirst,
        'How long a turn that failed at Letta waits before it is tried again, in seconds; twice as long each further time. Default: 5.',
      ),
    ),
    retry_longest: v.exactOptional(
      wholeNumber(RANGES.retryLongest, 'The longest such wait, and the longest wait for a Letta that is away, in seconds. Default: 300.'),
    ),
  },
  SECTION,
);

const limits = v.object(
  {
    message_length: v.exactOptional(
      wholeNumber(RANGES.messageLength, 'The longest message that is taken, in characters. Default: 100000.'),
    ),
    waiting_per_sender: v.exactOptional(
      wholeNumber(RANGES.waiting, 'How many messages of one sender may wait for their answer; further ones are refused. Default: 100000.'),
    ),
    waiting: v.exactOptional(
      wholeNumber(RANGES.waiting, 'How many messages of all senders may wait for their answer; further ones are refused. Default: 250000.'),
    ),
    attachments: v.exactOptional(wholeNumber(RANGES.attachments, 'How many files a message may bring. Default: 10.')),
    attachment_megabytes: v.exactOptional(wholeNumber(RANGES.attachmentSize, 'How large each of them may be, in megabytes. Default: 20.')),
  },
  SECTION,
);

const retention = v.object(
  {
    messages_days: v.exactOptional(
      orForEver(
        RANGES.retentionDays,
        'Days after which an answered message is removed from the database. Default: null, it stays for ever.',
      ),
    ),
    database_megabytes: v.exactOptional(
      orForEver(
        RANGES.databaseSize,
        'Megabytes in use above which the oldest answered messages are removed from the database. The file itself does not shrink. Default: null, no bound.',
      ),
    ),
  },
  SECTION,
);

const upload = v.object(
  {
    enabled: v.exactOptional(
      yesOrNo('true: each image is sent to the address in url, and the agent reads the link that comes back. Default: false.'),
    ),
    url: v.exactOptional(
      v.pipe(
        v.nullable(v.pipe(v.string(WEB_ADDRESS), v.regex(/^https?:\/\/[^\s/]\S*$/, WEB_ADDRESS))),
        v.description('Where images are posted to, as the field `file` of a form. Whoever has the link can see the image. Default: null.'),
      ),
    ),
  },
  SECTION,
);

const images = v.object(
  {
    enabled: v.exactOptional(yesOrNo('true: the agent is shown the images people send. false: it reads only their names. Default: true.')),
    upload: v.exactOptional(v.pipe(upload, v.description('A public host for images, for agents that open links themselves.'))),
  },
  SECTION,
);

const outbound = v.object(
  {
    enabled: v.exactOptional(yesOrNo('true: `broca outbound send` may write to people who did not ask. Default: false.')),
    per_minute: v.exactOptional(wholeNumber(RANGES.perMinute, 'How many such messages a minute are taken. Default: 30.')),
  },
  SECTION,
);

const logs = v.object(
  {
    level: v.exactOptional(oneOf(LOG_LEVELS, 'The least grave event that is logged. Default: info, or debug when debug_mode is true.')),
    keep_days: v.exactOptional(wholeNumber(RANGES.keepDays, 'How long rotated log files are kept, in days. Default: 7.')),
    keep_megabytes: v.exactOptional(
      wholeNumber(RANGES.keepSize, 'Megabytes of rotated log files above which the oldest are removed. Default: 100.'),
    ),
  },
  SECTION,
);

const plugins = v.record(
  v.string(),
  v.objectWithRest(
    {
      enabled: v.exactOptional(yesOrNo('false: the plugin is not even loaded.')),
      message_mode: v.exactOptional(v.pipe(mode, v.description("As message_processing.mode, for this plugin's channel alone."))),
    },
    v.unknown(),
    'write an object, for example { "enabled": true }',
  ),
  'write an object with a plugin\'s name as key, for example { "telegram": { "enabled": true } }',
);

const settings = v.object(
  {
    $schema: v.exactOptional(v.string('write a text in quotes')),
    agent: v.exactOptional(agent),
    message_processing: v.exactOptional(messageProcessing),
    limits: v.exactOptional(limits),
    retention: v.exactOptional(retention),
    images: v.exactOptional(images),
    outbound: v.exactOptional(outbound),
    logs: v.exactOptional(logs),
    plugins: v.exactOptional(v.pipe(plugins, v.description("Each plugin's own settings, by its name."))),
    debug_mode: v.exactOptional(yesOrNo('true: log level debug, unless a level is given. It changes nothing else. Default: false.')),
    message_mode: v.exactOptional(v.pipe(mode, v.description('Same as message_processing.mode, which goes first.'))),
    queue_refresh: v.exactOptional(v.pipe(queueRefresh, v.description('Same as message_processing.queue_refresh, which goes first.'))),
    max_retries: v.exactOptional(v.pipe(maxRetries, v.description('Same as message_processing.max_retries, which goes first.'))),
  },
  SECTION,
);

/** For the JSON Schema and nothing else: reading goes through `parseSettings`, which gathers every fault. */
export const settingsSchema: v.GenericSchema<unknown, Settings> = settings;

/** The part of them that the fleet's configuration may give to all agents. */
export type FleetDefaults = {
  message_processing?: MessageProcessing;
  limits?: LimitSettings;
  retention?: RetentionSettings;
  images?: ImageSettings;
  outbound?: OutboundSettings;
  plugins?: Record<string, PluginSettings>;
};
export const fleetDefaultsEntries: {
  message_processing: v.GenericSchema<MessageProcessing>;
  limits: v.GenericSchema<LimitSettings>;
  retention: v.GenericSchema<RetentionSettings>;
  images: v.GenericSchema<ImageSettings>;
  outbound: v.GenericSchema<OutboundSettings>;
  plugins: v.GenericSchema<Record<string, PluginSettings>>;
} = {
  message_processing: messageProcessing,
  limits,
  retention,
  images,
  outbound,
  plugins,
};
export const logsSchema: v.GenericSchema<LogSettings> = logs;

const messageKeys = Object.keys(messageProcessing.entries);
const logKeys = Object.keys(logs.entries);
export const MESSAGE_KEYS: readonly string[] = messageKeys;
export const LOG_KEYS: readonly string[] = logKeys;
export const LIMIT_KEYS: readonly string[] = Object.keys(limits.entries);
export const RETENTION_KEYS: readonly string[] = Object.keys(retention.entries);
export const IMAGE_KEYS: readonly string[] = Object.keys(images.entries);
export const UPLOAD_KEYS: readonly string[] = Object.keys(upload.entries);
export const OUTBOUND_KEYS: readonly string[] = Object.keys(outbound.entries);

const KNOWN: KnownKeys = [
  ['', Object.keys(settings.entries)],
  ['agent', Object.keys(agent.entries)],
  ['message_processing', messageKeys],
  ['limits', LIMIT_KEYS],
  ['retention', RETENTION_KEYS],
  ['images', IMAGE_KEYS],
  ['images.upload', UPLOAD_KEYS],
  ['outbound', OUTBOUND_KEYS],
  ['logs', logKeys],
  ['plugins', null],
  ['plugins.*', null],
];

/** What can be used of the file, and its faults. A value with a fault is left out. */
export function parseSettings(text: string): { settings: Settings; problems: Problem[] } {
  const { value, problems } = parseJsonFile('settings.json', text, settingsSchema, KNOWN);
  return { settings: value ?? {}, problems: [...problems, ...twiceGiven(value ?? {})] };
}

/** Flat key → the nested one of the same meaning. */
export const FLAT_KEYS: Readonly<Record<'message_mode' | 'queue_refresh' | 'max_retries', keyof MessageProcessing>> = {
  message_mode: 'mode',
  queue_refresh: 'queue_refresh',
  max_retries: 'max_retries',
};

function twiceGiven(given: Settings): Problem[] {
  const problems: Problem[] = [];
  for (const flat of ['message_mode', 'queue_refresh', 'max_retries'] as const) {
    const nested = FLAT_KEYS[flat];
    const inside = given.message_processing?.[nested];
    if (given[flat] === undefined || inside === undefined) continue;
    const message = `has no effect: message_processing.${nested} = ${JSON.stringify(inside)} says the same and goes first; remove one of the two`;
    problems.push({ file: 'settings.json', key: flat, value: JSON.stringify(given[flat]), message, severity: 'warning' });
  }
  return problems;
}
