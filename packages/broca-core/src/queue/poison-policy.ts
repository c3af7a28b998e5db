/**
 * Tells a turn (or a part) that kills its Broca each time from one that was only in hand when a Broca was
 * killed. Pure.
 *
 * A crash counts against what was in hand when the process ended without being asked to; any progress of it
 * (a run begun, something heard, an outcome) sets the count back to none, and while Broca only waits for the
 * next look at a run nothing is in hand. Each crash makes it rest longer, so that the rest of the queue flows
 * and chance has to strike the same one again after each rest before an innocent is set aside: the rests outlast what a Letta stalls, since while it
 * waits for an answer a turn is in hand. What is poisoned costs the agent seven restarts and, where its run may
 * still live, a minute of rest; then never anything again.
 */

/** Rest after the first, second … crash. One more crash than rests, and it is set aside. */
export const CRASH_RESTS_MS: readonly number[] = [0, 0, 1_000, 5_000, 15_000, 30_000];

export type CrashVerdict =
  /** Try again, not before `restMs` have passed. */
  { kind: 'rest'; restMs: number } | { kind: 'set-aside'; reason: string };

/**
 * How long a running turn still rests, of which a crash said when it may be taken up. A clock that was set back
 * must not make that longer than any rest is.
 */
export function restLeft(turn: { crashes: number; dueAt: number }, now: number): number {
  const leftMs = turn.dueAt - now;
  return turn.crashes === 0 || leftMs > LONGEST_REST_MS ? 0 : Math.max(leftMs, 0);
}

const LONGEST_REST_MS = Math.max(...CRASH_RESTS_MS);

/** `crashes`: how many in a row, the last one included. */
export function judgeCrashes(crashes: number): CrashVerdict {
  const restMs = CRASH_RESTS_MS[Math.max(crashes - 1, 0)];
  if (restMs !== undefined) return { kind: 'rest', restMs };
  return { kind: 'set-aside', reason: `Broca ended ${crashes} times in a row while it had this in hand` };
}
