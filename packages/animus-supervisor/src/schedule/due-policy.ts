/** When a scheduled backup is due. All times in ms of the epoch. */

export type Past = {
  /** When this schedule came into force. */
  since: number;
  /** When the last one that succeeded began. */
  lastGoodAt: number | null;
  /** When this supervisor's last try ended: what failed is not tried again before its next time, unless a supervisor starts anew. */
  lastTriedAt: number | null;
};

/**
 * The first time of the schedule after the last backup. At or before `now`: it is due, however many times were missed. A
 * past that lies ahead was written by a clock that went wrong, and counts for nothing.
 */
export function dueAt(nextAfter: (at: number) => number, { since, lastGoodAt, lastTriedAt }: Past, now: number): number {
  const past = [since, lastGoodAt, lastTriedAt].filter((at) => at !== null && at <= now);
  return nextAfter(past.length === 0 ? now : Math.max(...past.map(Number)));
}

/** The clock may be set, and a machine that sleeps stops its timers: nothing is waited for longer than this. */
const LONGEST_WAIT_MS = 60_000;

export function waitFor(due: number, now: number): number {
  return Math.min(Math.max(0, due - now), LONGEST_WAIT_MS);
}
