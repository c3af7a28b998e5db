/**
 * A Broca's environment: the few variables that say where it is and how to reach the network, and
 * nothing else of what the supervisor was started with. Its secrets are in its own `.env`.
 */
import { FLEET_CONFIG_VARIABLE } from 'animus-protocol';

const ALLOWED: ReadonlySet<string> = new Set([
  FLEET_CONFIG_VARIABLE,
  'HOME',
  'PATH',
  'LANG',
  'TZ',
  'TMPDIR',
  'NODE_EXTRA_CA_CERTS',
  'NODE_USE_ENV_PROXY',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
]);

/**
 * For malloc, measured: one arena, since threads of a process that does one thing at a time need no heap
 * each (0.6 MB a Broca); what is freed goes back at once, and large blocks by themselves (0.7 MB). But not below
 * this: SQLite takes and gives back 88 KiB some twenty times a message, and a mapping for each costs it 2 ms.
 */
const SMALL_HEAP = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '262144', MALLOC_MMAP_THRESHOLD_: '131072' };

/**
 * @param of  the supervisor's own
 * @param added  what animus.config.json adds (checked there), or with null takes away
 */
export function workerEnvironment(
  of: Readonly<Record<string, string | undefined>>,
  added: Readonly<Record<string, string | null>>,
  nonce: string,
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [key, value] of Object.entries(of)) {
    if (value !== undefined && (ALLOWED.has(key) || key.startsWith('LC_'))) environment[key] = value;
  }
  const whole = { ...environment, ...SMALL_HEAP, ...added, ANIMUS_WORKER_NONCE: nonce };
  return Object.fromEntries(Object.entries(whole).filter((entry): entry is [string, string] => entry[1] !== null));
}
