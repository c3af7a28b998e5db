/** Prints what is kept of some logs, and goes on with what is written when asked to. */
import { setImmediate as turn } from 'node:timers/promises';
import { closeSnapshot, type LogSnapshot, type LogSource, takeSnapshot } from './files.ts';
import { createFollower } from './follow.ts';
import type { LineFilter, LogLine } from './line.ts';
import { mergeByTime, readAll, readLast } from './read.ts';

export type LogRequest = {
  sources: () => LogSource[];
  filter: LineFilter;
  /** How many of the last lines; null gives all that are chosen. */
  count: number | null;
  /** Goes on until this aborts; null ends with what is there. */
  following: AbortSignal | null;
  /** Nobody reads any more. */
  closed: AbortSignal;
  print(line: LogLine): void;
};

/** A long log must not hold up a Ctrl-C. */
const LINES_A_TURN = 2_000;

export async function printLog(request: LogRequest): Promise<void> {
  const { sources, filter, following, closed, print } = request;
  if (following === null) {
    const snapshots = sources().map(takeSnapshot);
    await printKept(snapshots, request);
    for (const snapshot of snapshots) closeSnapshot(snapshot);
    return;
  }
  using follower = createFollower(sources);
  await printKept(follower.snapshots, request);
  const show = (lines: LogLine[]): void => {
    for (const line of lines) print(line);
  };
  await follower.follow({ ...filter, since: null }, show, AbortSignal.any([following, closed]));
}

async function printKept(snapshots: readonly LogSnapshot[], { filter, count, following, closed, print }: LogRequest): Promise<void> {
  if (count !== null) {
    const last = snapshots.flatMap((snapshot) => readLast(snapshot, filter, count)).sort((a, b) => a.at - b.at);
    for (const line of last.slice(last.length - Math.min(count, last.length))) print(line);
    return;
  }
  let printed = 0;
  for (const line of mergeByTime(snapshots.map((snapshot) => readAll(snapshot, filter)))) {
    print(line);
    printed += 1;
    if (printed % LINES_A_TURN === 0) await turn();
    if (closed.aborted || following?.aborted === true) return;
  }
}
