/**
 * Tells a turn (or a part) that kills its Broca each time from one that was only in hand when a Broca was
 * killed. Pure.
 *
 * A crash counts against what was in hand when the process ended without being asked to; any progress of it
 * (a run begun, something heard, an outcome) sets the count back to none, and while Broca only waits for the
 * next look at a run nothing is in hand. Each crash makes it rest longer, so that the rest of the queue flows
 * and chance has to strike the same one again and again, minutes of rest apart, before an innocent is set
 * aside. The rests are for chance alone: what is poisoned costs the agent half a minute of rest in all and
 * five restarts, then never anything again.
 */

/** Rest after the first, second … crash. One more crash than rests, and it is set aside. */
export const CRASH_RESTS_MS: readonly number[] = [0, 1_000, 5_000, 30_000];

export type CrashVerdict =
  /** Try again, not before `restMs` have passed. */
  { kind: 'rest'; restMs: number } | { kind: 'set-aside'; reason: string };

/** `crashes`: how many in a row, the last one included. */
export function judgeCrashes(crashes: number): CrashVerdict {
  const restMs = CRASH_RESTS_MS[Math.max(crashes - 1, 0)];
  if (restMs !== undefined) return { kind: 'rest', restMs };
  return { kind: 'set-aside', reason: `Broca ended ${crashes} times in a row while it had this in hand` };
}
