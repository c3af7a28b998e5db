/**
 * The configuration of one Broca, put together from `.env`, `settings.json` and the fleet's defaults:
 *
 *     settings.json  >  .env  >  fleet defaults  >  built-in
 *
 * Texts in, configuration or problems out. Who reads the files is agent-files.ts.
 */
import { type AgentId, parseAgentId } from './agent-id.ts';
import { type Environment, type ParsedEnvironment, parseEnvironment } from './environment.ts';
import { parseFleetDefaults } from './fleet-defaults.ts';
import { mergeModes, mergePlugins, type PluginConfig, type PluginFiles } from './plugin-config.ts';
import type { Problem } from './problem.ts';
import {
  type FleetDefaults,
  type ImageSettings,
  type LimitSettings,
  type LogLevel,
  type LogSettings,
  type Mode,
  parseSettings,
  type RetentionSettings,
  type Settings,
} from './settings.ts';
import { showValue } from './settings-file.ts';

export type BrocaConfig = {
  agentId: AgentId;
  agentName: string | null;
  agentDescription: string | null;
  /** Origin, plus a path prefix such as /api when there is one; without trailing slash or /v1. */
  endpoint: string;
  apiKey: string;
  mode: Mode;
  /** Of channels that have one of their own. */
  channelModes: Record<string, Mode>;
  queueRefreshMs: number;
  /** How often a turn that failed at Letta is tried again. */
  maxRetries: number;
  /** Means log level debug unless a level is given, and nothing else. */
  debugMode: boolean;
  logLevel: LogLevel;
  /** How long a turn may take at Letta. */
  turnTimeoutMs: number;
  /** How long a turn waits for a Letta that cannot be reached before it is parked. */
  giveUpAfterMs: number;
  /** A failed turn's first wait, twice as long each further time, up to the longest. */
  retryFirstMs: number;
  retryLongestMs: number;
  limits: MessageLimits;
  retention: Retention;
  images: ImageRules;
  outbound: OutboundRules;
  logKeepDays: number;
  logKeepBytes: number;
  plugins: Record<string, PluginConfig>;
  /** Everything in .env; a plugin reads the keys it names. */
  environment: Record<string, string>;
  /** Values that must never be shown, longest first. */
  secrets: string[];
};

/** What is refused rather than stored. */
export type MessageLimits = {
  /** Longest text, in UTF-16 units. */
  messageLength: number;
  /** Turns that are not settled, of one sender and of all. */
  waitingPerSender: number;
  waiting: number;
  /** Files of one message, and bytes of each. */
  attachments: number;
  attachmentBytes: number;
};

/** When settled turns are removed; null: never. */
export type Retention = { messagesMs: number | null; databaseBytes: number | null };

/** What becomes of images. */
export type ImageRules = {
  /** The agent is shown them, not only their names. */
  areShown: boolean;
  /** Each is posted to a public host, and the agent reads the link instead. */
  areUploaded: boolean;
  uploadUrl: string | null;
};

/** Messages that nobody asked for. */
export type OutboundRules = { isEnabled: boolean; perMinute: number };

export type Origin = 'settings.json' | '.env' | 'fleet defaults' | 'folder name' | 'built-in';
export type LoadedBrocaConfig = {
  /** null exactly when a problem has severity `error`. */
  config: BrocaConfig | null;
  problems: Problem[];
  /** Where each value came from, by its name in settings.json (`message_processing.mode`), else in .env. */
  origins: Record<string, Origin>;
};

export type BrocaConfigFiles = {
  /** The id that the folder's name gives; null when it is no agent's folder (a container, a checkout). */
  agentIdOfFolder: AgentId | null;
  /** Texts of the files; null: there is none. */
  environment: string | null;
  settings: string | null;
  fleet: string | null;
};

/** The original's defaults, in seconds (reference: `LONG_TASK_MAX_WAIT`, `MESSAGE_PROCESS_TIMEOUT_BUFFER`). */
export const LONG_TASK_MAX_WAIT = 600;
export const MESSAGE_PROCESS_TIMEOUT_BUFFER = 180;
const QUEUE_REFRESH = 5;
const MAX_RETRIES = 3;
const GIVE_UP_AFTER = 24 * 60 * 60;
const RETRY_FIRST = 5;
const RETRY_LONGEST = 300;
const LOG_KEEP_DAYS = 7;
/** Ten files of the size at which one is rotated. */
export const LOG_KEEP_MEGABYTES = 100;
const OUTBOUND_PER_MINUTE = 30;
const DAY_MS = 24 * 60 * 60 * 1000;
const MEGABYTE = 1024 * 1024;

/**
 * The text: four times what Telegram can send, well below what a model reads. The queue: a day's work of a
 * fast agent is some ten thousand turns; these only keep a flood from filling the disk.
 */
export const DEFAULT_LIMITS: MessageLimits = {
  messageLength: 100_000,
  waitingPerSender: 100_000,
  waiting: 250_000,
  attachments: 10,
  attachmentBytes: 20 * MEGABYTE,
};

export function loadBrocaConfig(texts: BrocaConfigFiles): LoadedBrocaConfig {
  const env = texts.environment === null ? missingEnvironment() : parseEnvironment(texts.environment);
  const { settings, problems: settingsProblems } = texts.settings === null ? { settings: {}, problems: [] } : parseSettings(texts.settings);
  const fleet = parseFleetDefaults(texts.fleet);
  const merge = new Merge();
  const agentId = chooseAgentId(texts.agentIdOfFolder, env, settings, merge);
  const values = chooseValues(settings, env.environment, fleet, merge);
  const { AGENT_ENDPOINT: endpoint, AGENT_API_KEY: apiKey } = env.environment;
  if (texts.environment !== null) merge.problems.push(...missingKeys(env));
  merge.origins.AGENT_ENDPOINT = '.env';
  merge.origins.AGENT_API_KEY = '.env';
  const files: PluginFiles = { own: settings.plugins ?? {}, environment: env.environment, fleet: fleet.defaults.plugins ?? {} };
  const plugins = mergePlugins(files, merge.origins);
  const channelModes = mergeModes(files, (name, candidates) => merge.choose<Mode | null>(name, candidates, null));
  const problems = [...env.problems, ...settingsProblems, ...fleet.problems, ...merge.problems].map((problem) =>
    withoutSecrets(problem, env.secrets),
  );
  const isUsable = problems.every(({ severity }) => severity === 'warning');
  const config = isUsable && agentId !== null && endpoint !== undefined && apiKey !== undefined;
  if (!config) return { config: null, problems, origins: merge.origins };
  return {
    config: { agentId, endpoint, apiKey, ...values, channelModes, plugins, environment: env.values, secrets: env.secrets },
    problems,
    origins: merge.origins,
  };
}

function missingEnvironment(): ParsedEnvironment {
  const message =
    'there is no such file: `animus deploy <id> <endpoint> <key>` writes it; by hand, copy broca/templates/env to .env and fill it in';
  return { environment: {}, values: {}, secrets: [], problems: [{ file: '.env', key: 'missing', message, severity: 'error' }] };
}

function missingKeys({ values }: ParsedEnvironment): Problem[] {
  const required: [string, string][] = [
    ['AGENT_ENDPOINT', "missing: write Letta's address, for example AGENT_ENDPOINT=https://api.letta.com"],
    ['AGENT_API_KEY', 'missing: write the key of the account at Letta that the agent belongs to'],
  ];
  return required.flatMap(([key, message]) =>
    values[key] === undefined ? [{ file: '.env', key, message, severity: 'error' as const }] : [],
  );
}

type Candidate<T> = { value: T | undefined; origin: Origin; key: string };

/** Chooses each value by the order of the files and tells which ones have no effect. */
class Merge {
  readonly problems: Problem[] = [];
  readonly origins: Record<string, Origin> = {};

  /** `candidates` in order of precedence. A fleet default is there to be overridden: that is no warning. */
  choose<T>(name: string, candidates: readonly Candidate<T>[], builtIn: T): T {
    let winner: (Candidate<T> & { value: T }) | null = null;
    for (const candidate of candidates) {
      const { value } = candidate;
      if (value === undefined) continue;
      if (winner === null) winner = { ...candidate, value };
      else if (candidate.origin === '.env' && winner.value !== value) {
        const message = `has no effect: ${winner.origin} says ${winner.key} = ${showValue(winner.value)}, which goes first; remove one of the two`;
        this.problems.push({ file: candidate.origin, key: candidate.key, value: String(value), message, severity: 'warning' });
      }
    }
    this.origins[name] = winner?.origin ?? 'built-in';
    return winner === null ? builtIn : winner.value;
  }
}

type ChosenValues = Omit<BrocaConfig, 'agentId' | 'endpoint' | 'apiKey' | 'channelModes' | 'plugins' | 'environment' | 'secrets'>;

function chooseValues(settings: Settings, env: Environment, fleet: ReturnType<typeof parseFleetDefaults>, merge: Merge): ChosenValues {
  const inSettings = <T>(key: string, value: T | undefined): Candidate<T> => ({ value, origin: 'settings.json', key });
  const inEnv = <T>(key: string, value: T | undefined): Candidate<T> => ({ value, origin: '.env', key });
  const inFleet = <T>(key: string, value: T | undefined): Candidate<T> => ({ value, origin: 'fleet defaults', key });
  const own = settings.message_processing ?? {};
  const all = fleet.defaults.message_processing ?? {};
  const name = (nested: string): string => `message_processing.${nested}`;
  const message = <T>(
    nested: string,
    flat: string,
    values: readonly [T | undefined, T | undefined, T | undefined, T | undefined],
    envKey: string,
    builtIn: T,
  ): T => {
    const [nestedValue, flatValue, envValue, fleetValue] = values;
    const candidates = [
      inSettings(name(nested), nestedValue),
      inSettings(flat, flatValue),
      inEnv(envKey, envValue),
      inFleet(name(nested), fleetValue),
    ];
    return merge.choose(name(nested), candidates, builtIn);
  };
  const debugMode = merge.choose('debug_mode', [inSettings('debug_mode', settings.debug_mode), inEnv('DEBUG_MODE', env.DEBUG_MODE)], false);
  const level = [
    inSettings('logs.level', settings.logs?.level),
    inEnv('LOG_LEVEL', env.LOG_LEVEL),
    ...(debugMode ? [] : [inFleet('logs.level', fleet.logs.level)]),
  ];
  return {
    agentName: textOrNull(merge.choose('agent.name', [inSettings('agent.name', settings.agent?.name)], null)),
    agentDescription: textOrNull(merge.choose('agent.description', [inSettings('agent.description', settings.agent?.description)], null)),
    mode: message<Mode>('mode', 'message_mode', [own.mode, settings.message_mode, env.MESSAGE_MODE, all.mode], 'MESSAGE_MODE', 'live'),
    queueRefreshMs:
      message(
        'queue_refresh',
        'queue_refresh',
        [own.queue_refresh, settings.queue_refresh, env.QUEUE_REFRESH, all.queue_refresh],
        'QUEUE_REFRESH',
        QUEUE_REFRESH,
      ) * 1000,
    maxRetries: message(
      'max_retries',
      'max_retries',
      [own.max_retries, settings.max_retries, env.MAX_RETRIES, all.max_retries],
      'MAX_RETRIES',
      MAX_RETRIES,
    ),
    debugMode,
    logLevel: merge.choose<LogLevel>('logs.level', level, debugMode ? 'debug' : 'info'),
    turnTimeoutMs: turnTimeout(env, merge) * 1000,
    ...chooseBounds(settings, fleet.defaults, merge),
    ...chooseLogKeep(settings.logs ?? {}, fleet.logs, merge),
  };
}

function chooseLogKeep(own: LogSettings, fleet: LogSettings, merge: Merge): Pick<BrocaConfig, 'logKeepDays' | 'logKeepBytes'> {
  const choose = (key: 'keep_days' | 'keep_megabytes', builtIn: number): number => {
    const name = `logs.${key}`;
    const candidates = [
      { value: own[key], origin: 'settings.json', key: name },
      { value: fleet[key], origin: 'fleet defaults', key: name },
    ] as const;
    return merge.choose(name, candidates, builtIn);
  };
  return { logKeepDays: choose('keep_days', LOG_KEEP_DAYS), logKeepBytes: choose('keep_megabytes', LOG_KEEP_MEGABYTES) * MEGABYTE };
}

/** Sections that .env has no words for: the agent's own value, the fleet's, ours. */
function chooseBounds(
  settings: Settings,
  fleet: FleetDefaults,
  merge: Merge,
): Pick<BrocaConfig, 'giveUpAfterMs' | 'retryFirstMs' | 'retryLongestMs' | 'limits' | 'retention' | 'images' | 'outbound'> {
  const choose: Choose = (name, own, all, builtIn) =>
    merge.choose(
      name,
      [
        { value: own, origin: 'settings.json', key: name },
        { value: all, origin: 'fleet defaults', key: name },
      ],
      builtIn,
    );
  const inMs = (key: 'give_up_after' | 'retry_first' | 'retry_longest', builtIn: number): number =>
    choose(`message_processing.${key}`, settings.message_processing?.[key], fleet.message_processing?.[key], builtIn) * 1000;
  const limit = (key: keyof LimitSettings, builtIn: number): number =>
    choose(`limits.${key}`, settings.limits?.[key], fleet.limits?.[key], builtIn);
  const kept = (key: keyof RetentionSettings, unit: number): number | null => {
    const value = choose<number | null>(`retention.${key}`, settings.retention?.[key], fleet.retention?.[key], null);
    return value === null ? null : value * unit;
  };
  return {
    giveUpAfterMs: inMs('give_up_after', GIVE_UP_AFTER),
    retryFirstMs: inMs('retry_first', RETRY_FIRST),
    retryLongestMs: inMs('retry_longest', RETRY_LONGEST),
    limits: {
      messageLength: limit('message_length', DEFAULT_LIMITS.messageLength),
      waitingPerSender: limit('waiting_per_sender', DEFAULT_LIMITS.waitingPerSender),
      waiting: limit('waiting', DEFAULT_LIMITS.waiting),
      attachments: limit('attachments', DEFAULT_LIMITS.attachments),
      attachmentBytes: limit('attachment_megabytes', DEFAULT_LIMITS.attachmentBytes / MEGABYTE) * MEGABYTE,
    },
    retention: { messagesMs: kept('messages_days', DAY_MS), databaseBytes: kept('database_megabytes', MEGABYTE) },
    images: {
      areShown: choose('images.enabled', settings.images?.enabled, fleet.images?.enabled, true),
      ...chooseUpload(settings.images?.upload, fleet.images?.upload, merge, choose),
    },
    outbound: {
      isEnabled: choose('outbound.enabled', settings.outbound?.enabled, fleet.outbound?.enabled, false),
      perMinute: choose('outbound.per_minute', settings.outbound?.per_minute, fleet.outbound?.per_minute, OUTBOUND_PER_MINUTE),
    },
  };
}

type Choose = <T>(name: string, own: T | undefined, all: T | undefined, builtIn: T) => T;
type Upload = NonNullable<ImageSettings['upload']>;

function chooseUpload(own: Upload | undefined, all: Upload | undefined, merge: Merge, choose: Choose): Omit<ImageRules, 'areShown'> {
  const isEnabled = choose('images.upload.enabled', own?.enabled, all?.enabled, false);
  const url = choose<string | null>('images.upload.url', own?.url, all?.url, null);
  if (isEnabled && url === null) {
    const message = 'has no effect: write images.upload.url, the address that images are posted to';
    merge.problems.push({ file: 'settings.json', key: 'images.upload.enabled', value: 'true', message, severity: 'warning' });
  }
  return { areUploaded: isEnabled && url !== null, uploadUrl: url };
}

function turnTimeout(env: Environment, merge: Merge): number {
  const read = (key: 'LONG_TASK_MAX_WAIT' | 'MESSAGE_PROCESS_TIMEOUT_BUFFER' | 'MESSAGE_PROCESS_TIMEOUT', builtIn: number): number =>
    merge.choose(key, [{ value: env[key], origin: '.env', key }], builtIn);
  const wait = read('LONG_TASK_MAX_WAIT', LONG_TASK_MAX_WAIT) + read('MESSAGE_PROCESS_TIMEOUT_BUFFER', MESSAGE_PROCESS_TIMEOUT_BUFFER);
  const least = read('MESSAGE_PROCESS_TIMEOUT', 0);
  // Unsaid, it is what the two give.
  const areSaid = env.LONG_TASK_MAX_WAIT !== undefined || env.MESSAGE_PROCESS_TIMEOUT_BUFFER !== undefined;
  if (areSaid) merge.origins.MESSAGE_PROCESS_TIMEOUT = '.env';
  return Math.max(wait, least);
}

function textOrNull(text: string | null): string | null {
  return text === null || text.trim() === '' ? null : text;
}

/** All that name the agent must name the same one: a copied folder must not run as a second Broca of its original. */
function chooseAgentId(ofFolder: AgentId | null, env: ParsedEnvironment, settings: Settings, merge: Merge): AgentId | null {
  const written = settings.agent?.id === undefined ? null : parseAgentId(settings.agent.id);
  const inSettings = written?.ok ? written.value : null;
  const inEnv = env.environment.AGENT_ID ?? null;
  const folder = (name: string): string =>
    `${name} is another agent than this folder's, ${ofFolder}: a folder serves the agent it is named after; for another one use \`animus deploy\``;
  if (inEnv !== null && ofFolder !== null && inEnv !== ofFolder) {
    merge.problems.push({ file: '.env', key: 'AGENT_ID', value: inEnv, message: folder(inEnv), severity: 'error' });
  }
  if (inSettings !== null && inEnv !== null && inSettings !== inEnv) {
    const message = `.env says AGENT_ID = ${inEnv}: both must name the same agent; remove one of the two`;
    merge.problems.push({ file: 'settings.json', key: 'agent.id', value: inSettings, message, severity: 'error' });
  } else if (inSettings !== null && ofFolder !== null && inSettings !== ofFolder) {
    merge.problems.push({ file: 'settings.json', key: 'agent.id', value: inSettings, message: folder(inSettings), severity: 'error' });
  }
  merge.origins['agent.id'] = inSettings !== null ? 'settings.json' : inEnv !== null ? '.env' : 'folder name';
  const chosen = inSettings ?? inEnv ?? ofFolder;
  if (chosen === null && env.values.AGENT_ID === undefined && settings.agent?.id === undefined) {
    merge.problems.push({
      file: '.env',
      key: 'AGENT_ID',
      message: 'missing: write the id that Letta shows, as in AGENT_ID=agent-721679f6-c8af-4e01-8677-dc042dc80368',
      severity: 'error',
    });
  }
  return chosen;
}

/** A secret pasted into the wrong place must not come out in the message about that place. */
function withoutSecrets(problem: Problem, secrets: readonly string[]): Problem {
  const { value, ...rest } = problem;
  const clean = (text: string): string => secrets.reduce((cleaned, secret) => cleaned.replaceAll(secret, '[redacted]'), text);
  return { ...rest, key: clean(problem.key), message: clean(problem.message), ...(value === undefined ? {} : { value: clean(value) }) };
}
