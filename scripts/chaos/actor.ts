/** Somebody who does one thing after another, by chance, until the run says stop. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from './random.ts';

export type Actor = { name: string; meanWaitMs: number; act(random: Random, signal: AbortSignal): Promise<void> };

/** Waits, acts, waits … Each actor draws from a stream of its own: what it decides does not hang on the others' timing. */
export async function runActor(actor: Actor, random: Random, signal: AbortSignal): Promise<void> {
  const own = random.fork(actor.name);
  while (!signal.aborted) {
    await pause(own.waitMs(actor.meanWaitMs), signal);
    if (!signal.aborted) await actor.act(own, signal);
  }
}

/** Returns early when the run stops. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
