/**
 * How often idle Brocas wake: voluntary context switches of all threads of each, as the kernel counts them, from
 * one heartbeat to the next. The floor is one wake a heartbeat.
 */
import fs from 'node:fs';
import path from 'node:path';
import { BEAT_INTERVAL_MS } from 'animus-protocol';
import { type Figure, valueAtMost } from './figure.ts';

/** Wakes a second. */
const MOST = 1;

/** `pids`: Brocas at rest. `nextBeat` resolves when each has sent one more. The figure is the mean of them. */
export async function idleWakes(pids: readonly number[], nextBeat: () => Promise<unknown>): Promise<Figure> {
  const all = () => pids.reduce((sum, pid) => sum + switches(pid), 0);
  const before = all();
  const startedAt = performance.now();
  await nextBeat();
  const seconds = (performance.now() - startedAt) / 1000;
  const value = (all() - before) / pids.length / seconds;
  return valueAtMost({ name: 'idle (floor: one wake a heartbeat)', value, unit: 'wakes/s', floor: 1000 / BEAT_INTERVAL_MS }, MOST);
}

/** How often the threads of the process went to sleep so far, and so woke. */
function switches(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  const counts = fs.readdirSync(tasks).map((task) => {
    const status = fs.readFileSync(path.join(tasks, task, 'status'), 'utf8');
    return Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1]);
  });
  return counts.reduce((sum, count) => sum + count, 0);
}
