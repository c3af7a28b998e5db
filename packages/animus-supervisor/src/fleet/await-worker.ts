/** Waits until what was asked of a worker is true, or cannot become so. */
import type { AgentOutcome } from 'animus-protocol';
import type { Clock } from '../worker/clock.ts';
import type { Worker } from '../worker/perform.ts';
import { judgeStart, judgeStop, outcomeOf } from './status.ts';

/** A stop that its kills did not end: the kernel holds the process. It is told and goes on. */
const STOP_BEYOND_DEADLINE_MS = 20_000;

export async function untilStarted(worker: Worker, clock: Clock): Promise<AgentOutcome> {
  const { startDeadlineMs, stopDeadlineMs } = worker.supervision;
  const outcome = await until(worker, () => judgeStart(worker), { clock, ms: startDeadlineMs + stopDeadlineMs + STOP_BEYOND_DEADLINE_MS });
  return outcome ?? outcomeOf(worker, false, `is not ready yet: ${worker.state.reason ?? 'it is still starting'}`);
}

export async function untilStopped(worker: Worker, clock: Clock): Promise<AgentOutcome> {
  const ms = worker.supervision.stopDeadlineMs + STOP_BEYOND_DEADLINE_MS;
  const outcome = await until(worker, () => judgeStop(worker), { clock, ms });
  return outcome ?? outcomeOf(worker, false, 'was killed, but its end is not seen yet');
}

/** What `judge` says once it says something, or null after the time; for ever without one. */
export async function until<T>(worker: Worker, judge: () => T | null | false, limit?: { clock: Clock; ms: number }): Promise<T | null> {
  const { promise, resolve } = Promise.withResolvers<T | null>();
  const look = (): void => {
    const judged = judge();
    if (judged !== null && judged !== false) resolve(judged);
  };
  const off = worker.onChange(look);
  const cancel = limit?.clock.after(limit.ms, () => resolve(null));
  look();
  try {
    return await promise;
  } finally {
    off();
    cancel?.();
  }
}
