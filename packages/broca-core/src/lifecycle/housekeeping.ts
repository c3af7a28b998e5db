/** What a running Broca does beside its work: remembers its channels for commands that run without it, and removes files nobody needs. */
import { findSetAside } from 'animus-protocol';
import type { LoadedChannel } from '../channel/guard.ts';
import { rememberChannels } from '../channel/remember.ts';
import type { Log } from '../log/log.ts';
import { type Store, storageFault } from '../store/open.ts';

/** The first look waits until the start is over. */
const FIRST_TIDY_MS = 60_000;
const TIDY_EVERY_MS = 6 * 60 * 60 * 1000;

export type Housekeeping = { stop(): Promise<void> };

export function startHousekeeping(store: Store, folder: string, channels: readonly LoadedChannel[], log: Log): Housekeeping {
  let isStopped = false;
  let tidying: Promise<void> = Promise.resolve();
  const forgive = (error: unknown): void => {
    const fault = storageFault(error);
    if (fault === null) throw error;
    log.warn('housekeeping-waits', { fault });
  };
  const tidy = async (): Promise<void> => {
    // What a damaged database referred to may be wanted yet.
    const isKept = findSetAside(folder).length > 0;
    try {
      const { removeUnreferencedAttachments } = await import('../attachments/tidy.ts');
      const removed = isKept ? 0 : await removeUnreferencedAttachments(store, folder, Date.now(), () => isStopped);
      if (removed > 0) log.info('attachments-removed', { removed });
    } catch (error) {
      forgive(error);
    }
    if (!isStopped) timer = later(TIDY_EVERY_MS);
  };
  const later = (ms: number): NodeJS.Timeout =>
    setTimeout(() => {
      tidying = tidy();
    }, ms).unref();
  try {
    rememberChannels(store, channels);
  } catch (error) {
    forgive(error);
  }
  let timer = later(FIRST_TIDY_MS);
  return {
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await tidying;
    },
  };
}
