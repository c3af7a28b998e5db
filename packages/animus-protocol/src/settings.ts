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
export const RANGES: { queueRefresh: Range; maxRetries: Range; giveUpAfter: Range; keepDays: Range; timeout: Range } = {
  queueRefresh: { lowest: 1, highest: 300, unit: 'seconds' },
  maxRetries: { lowest: 0, highest: 10, unit: 'retries' },
  /** A minute to 30 days. */
  giveUpAfter: { lowest: 60, highest: 2_592_000, unit: 'seconds' },
  keepDays: { lowest: 1, highest: 3650, unit: 'days' },
  timeout: { lowest: 1, highest: 86_400, unit: 'seconds' },
};

export type PluginSettings = { enabled?: boolean; [setting: string]: unknown };
export type MessageProcessing = { mode?: Mode; queue_refresh?: number; max_retries?: number; give_up_after?: number };
export type LogSettings = { level?: LogLevel; keep_days?: number };
export type Settings = {
  $schema?: string;
  agent?: { id?: string; name?: string | null; description?: string | null };
  message_processing?: MessageProcessing;
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

export function yesOrNo(meaning: string): v.GenericSchema<boolean> {
  return v.pipe(v.boolean('write true or false, without quotes'), v.description(meaning));
}

export function oneOf<const T extends string>(allowed: readonly T[], meaning: string): v.GenericSchema<T> {
  return v.pipe(v.picklist(allowed, `write one of ${allowed.map((word) => `"${word}"`).join(', ')}`), v.description(meaning));
}

const SECTION = 'write an object: { … }';
const mode = oneOf(MODES, 'echo answers with the text the agent would read, listen only stores, live asks the agent. Default: live.');
const queueRefresh = wholeNumber(
  RANGES.queueRefresh,
  'How often Broca looks for changes that other processes made, in seconds. Default: 5.',
);
const maxRetries = wholeNumber(RANGES.maxRetries, 'How often a turn that failed at Letta is tried again. Default: 3.');

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
  },
  SECTION,
);

const logs = v.object(
  {
    level: v.exactOptional(oneOf(LOG_LEVELS, 'The least grave event that is logged. Default: info, or debug when debug_mode is true.')),
    keep_days: v.exactOptional(wholeNumber(RANGES.keepDays, 'How long rotated log files are kept, in days. Default: 7.')),
  },
  SECTION,
);

const plugins = v.record(
  v.string(),
  v.objectWithRest(
    { enabled: v.exactOptional(yesOrNo('false: the plugin is not even loaded.')) },
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
export type FleetDefaults = { message_processing?: MessageProcessing; plugins?: Record<string, PluginSettings> };
export const fleetDefaultsEntries: {
  message_processing: v.GenericSchema<MessageProcessing>;
  plugins: v.GenericSchema<Record<string, PluginSettings>>;
} = {
  message_processing: messageProcessing,
  plugins,
};
export const logsSchema: v.GenericSchema<LogSettings> = logs;

const messageKeys = Object.keys(messageProcessing.entries);
const logKeys = Object.keys(logs.entries);
export const MESSAGE_KEYS: readonly string[] = messageKeys;
export const LOG_KEYS: readonly string[] = logKeys;

const KNOWN: KnownKeys = [
  ['', Object.keys(settings.entries)],
  ['agent', Object.keys(agent.entries)],
  ['message_processing', messageKeys],
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
