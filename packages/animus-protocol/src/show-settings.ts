/**
 * `settings show|get`: what counts now and which file says so. Secrets are shown as fingerprints only.
 */
import {
  type BrocaConfig,
  LONG_TASK_MAX_WAIT,
  type LoadedBrocaConfig,
  MESSAGE_PROCESS_TIMEOUT_BUFFER,
  type Origin,
} from './broca-config.ts';
import { nearestKey } from './problem.ts';
import { failed, ok, type Result } from './result.ts';
import { fingerprint, isSecretKey } from './secrets.ts';
import { FLAT_KEYS } from './settings.ts';

export type ShownSetting<From extends string = Origin> = {
  /** Name in settings.json, dotted; for what stands in `.env` only, its key there. */
  key: string;
  value: unknown;
  origin: From;
  /** The value is a fingerprint, or `(set)` for one so short that a fingerprint would give it away. */
  isSecret: boolean;
};

/** A phone number or a password of fewer characters could be found from its fingerprint by trying all. */
const SHORTEST_FOR_FINGERPRINT = 20;

const MEGABYTE = 1024 * 1024;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Everything in effect, in a steady order; null while the files cannot be used (their problems say why). */
export function showSettings({ config, origins }: LoadedBrocaConfig): ShownSetting[] | null {
  if (config === null) return null;
  const values: [string, unknown][] = [
    ['agent.id', config.agentId],
    ['agent.name', config.agentName],
    ['agent.description', config.agentDescription],
    ['message_processing.mode', config.mode],
    ['message_processing.queue_refresh', config.queueRefreshMs / 1000],
    ['message_processing.max_retries', config.maxRetries],
    ['message_processing.give_up_after', config.giveUpAfterMs / 1000],
    ['message_processing.retry_first', config.retryFirstMs / 1000],
    ['message_processing.retry_longest', config.retryLongestMs / 1000],
    ['limits.message_length', config.limits.messageLength],
    ['limits.waiting_per_sender', config.limits.waitingPerSender],
    ['limits.waiting', config.limits.waiting],
    ['limits.attachments', config.limits.attachments],
    ['limits.attachment_megabytes', config.limits.attachmentBytes / MEGABYTE],
    ['retention.messages_days', inUnits(config.retention.messagesMs, DAY_MS)],
    ['retention.database_megabytes', inUnits(config.retention.databaseBytes, MEGABYTE)],
    ['images.enabled', config.images.areShown],
    ['images.upload.enabled', config.images.areUploaded],
    ['images.upload.url', config.images.uploadUrl],
    ['outbound.enabled', config.outbound.isEnabled],
    ['outbound.per_minute', config.outbound.perMinute],
    ['debug_mode', config.debugMode],
    ['logs.level', config.logLevel],
    ['logs.keep_days', config.logKeepDays],
    ['logs.keep_megabytes', config.logKeepBytes / MEGABYTE],
    ['AGENT_ENDPOINT', config.endpoint],
    ['AGENT_API_KEY', config.apiKey],
  ];
  for (const [name, { enabled, settings }] of Object.entries(config.plugins)) {
    const mode = config.channelModes[name];
    if (mode !== undefined) values.push([`plugins.${name}.message_mode`, mode]);
    if (enabled !== null) values.push([`plugins.${name}.enabled`, enabled]);
    for (const [setting, value] of Object.entries(settings)) values.push([`plugins.${name}.${setting}`, value]);
  }
  values.push(...turnTimeouts(config));
  for (const [key, value] of Object.entries(config.environment)) {
    if (!SHOWN_ABOVE.has(key)) values.push([key, value]);
  }
  return values.map(([key, value]) => showSetting(key, value, origins[key] ?? '.env'));
}

/** The three of `.env`, where it does not name them; what it names is shown with the rest of it. The last one is what counts. */
function turnTimeouts({ environment, turnTimeoutMs }: BrocaConfig): [string, unknown][] {
  const builtIn = { LONG_TASK_MAX_WAIT, MESSAGE_PROCESS_TIMEOUT_BUFFER, MESSAGE_PROCESS_TIMEOUT: turnTimeoutMs / 1000 };
  return Object.entries(builtIn).filter(([key]) => environment[key] === undefined);
}

function inUnits(value: number | null, unit: number): number | null {
  return value === null ? null : value / unit;
}

/** Keys of `.env` that stand above under their names in settings.json. */
const SHOWN_ABOVE = new Set([
  'AGENT_ID',
  'AGENT_ENDPOINT',
  'AGENT_API_KEY',
  'MESSAGE_MODE',
  'TELEGRAM_MESSAGE_MODE',
  'QUEUE_REFRESH',
  'MAX_RETRIES',
  'DEBUG_MODE',
  'LOG_LEVEL',
]);

/** One of them; the flat names (`message_mode`) are taken too. */
export function getSetting(loaded: LoadedBrocaConfig, key: string): Result<ShownSetting, string> {
  const shown = showSettings(loaded);
  if (shown === null) return failed('the configuration cannot be used: see broca settings validate');
  const nested = Object.hasOwn(FLAT_KEYS, key) ? `message_processing.${FLAT_KEYS[key as keyof typeof FLAT_KEYS]}` : key;
  const found = shown.find((setting) => setting.key === nested);
  if (found !== undefined) return ok(found);
  const near = nearestSetting(
    key,
    shown.map((setting) => setting.key),
  );
  return failed(`${key}: there is no such setting, or it has no value${near === null ? '' : `; did you mean ${near}?`}`);
}

/** Also by the last part of its name, and by the original's flat one. */
function nearestSetting(key: string, known: readonly string[]): string | null {
  const names = new Map([
    ...known.map((name): [string, string] => [name.slice(name.lastIndexOf('.') + 1), name]),
    ...known.map((name): [string, string] => [name, name]),
    ...Object.keys(FLAT_KEYS).map((name): [string, string] => [name, name]),
  ]);
  const near = nearestKey(key, [...names.keys()]);
  return near === null ? null : (names.get(near) ?? null);
}

/** As it may be shown: a secret by its fingerprint. */
export function showSetting<From extends string>(key: string, value: unknown, origin: From): ShownSetting<From> {
  const isSecret = key.split('.').some(isSecretKey) && value !== null && typeof value !== 'boolean';
  if (!isSecret) return { key, value, origin, isSecret };
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return { key, value: text.length < SHORTEST_FOR_FINGERPRINT ? '(set)' : fingerprint(text), origin, isSecret };
}
