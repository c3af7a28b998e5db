/** Decides what of a changed configuration a running Broca takes over, and what needs a new process. */
import type { BrocaConfig } from 'animus-protocol';

/** Bound at start: to the Letta adapter, to channels, to the name on the lock. */
const BOUND_AT_START = ['agentId', 'endpoint', 'apiKey', 'plugins', 'environment'] as const;
/** Keys of `.env` that are also read into the configuration by name and applied live. */
const LIVE_ENVIRONMENT = new Set([
  'MESSAGE_MODE',
  'TELEGRAM_MESSAGE_MODE',
  'QUEUE_REFRESH',
  'MAX_RETRIES',
  'DEBUG_MODE',
  'LOG_LEVEL',
  'LONG_TASK_MAX_WAIT',
  'MESSAGE_PROCESS_TIMEOUT_BUFFER',
  'MESSAGE_PROCESS_TIMEOUT',
]);

export type Reload = {
  config: BrocaConfig;
  /** What was changed but stays as it was until Broca starts anew. */
  needsRestart: string[];
};

export function reload(running: BrocaConfig, wanted: BrocaConfig): Reload {
  const needsRestart = BOUND_AT_START.filter((key) => canonical(bound(running, key)) !== canonical(bound(wanted, key)));
  const kept = Object.fromEntries(BOUND_AT_START.map((key) => [key, running[key]])) as Pick<BrocaConfig, (typeof BOUND_AT_START)[number]>;
  // Both old and new secrets are known to this process until it ends: neither may be shown.
  const secrets = [...new Set([...wanted.secrets, ...running.secrets])];
  return { config: { ...wanted, ...kept, secrets }, needsRestart };
}

function bound(config: BrocaConfig, key: (typeof BOUND_AT_START)[number]): unknown {
  if (key !== 'environment') return config[key];
  return Object.fromEntries(Object.entries(config.environment).filter(([name]) => !LIVE_ENVIRONMENT.has(name)));
}

/** JSON with sorted keys, so that only values tell two configurations apart. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
