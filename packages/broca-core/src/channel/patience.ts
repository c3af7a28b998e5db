/** How long Broca waits for a plugin that does not answer. */
import { setTimeout as sleep } from 'node:timers/promises';
import { failed, type Result } from 'animus-protocol';

/** How long a `deliver` may go on after it was told to end, before it counts as unanswered. */
const ABORT_GRACE_MS = 1_000;

export async function unansweredAfter(signal: AbortSignal, done: AbortSignal): Promise<Result<never, string>> {
  if (!signal.aborted) {
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => resolve(), { once: true, signal: done });
    done.addEventListener('abort', () => resolve(), { once: true });
    await promise;
  }
  if (!done.aborted) await sleepUntil(ABORT_GRACE_MS, done);
  return failed('the channel did not answer in time');
}

export async function sleepUntil(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
