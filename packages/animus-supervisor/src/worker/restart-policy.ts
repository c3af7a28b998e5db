/**
 * When a Broca that died is started again: the first time at once, then after pauses that double up to
 * the longest. Deaths are counted in a sliding window on the monotonic clock, so that neither the age of
 * an agent nor a clock that was set hides a crash loop.
 */
import type { RestartLimits } from 'animus-protocol';

export const FIRST_PAUSE_MS = 500;
/** Deaths older than this count no more; longer than the deaths it takes to reach the longest pause. */
export function windowMs({ longestPauseMs, withinMs }: RestartLimits): number {
  return Math.max(600_000, 16 * longestPauseMs, withinMs);
}
/** No more are remembered: a pause has doubled to the longest long before. */
const MOST_DEATHS = 100;

/** `pauseMs` null: it has died as often as it may, and is left down. */
export type RestartDecision = { deaths: readonly number[]; pauseMs: number | null };

/**
 * @param deaths  earlier deaths that count, oldest first
 * @param healthySince  since when it was ready without a break, or null
 * @param random  0 ≤ random < 1; spreads agents that died together over the upper half of the pause
 */
export function decideRestart(
  deaths: readonly number[],
  healthySince: number | null,
  { now, random, limits }: { now: number; random: number; limits: RestartLimits },
): RestartDecision {
  const forgiven = healthySince !== null && now - healthySince >= limits.forgivenAfterMs;
  const earlier = forgiven ? [] : deaths.filter((at) => now - at < windowMs(limits));
  const counted = [...earlier, now].slice(-MOST_DEATHS);
  const recent = counted.filter((at) => now - at < limits.withinMs).length;
  if (limits.giveUpAfter !== null && recent >= limits.giveUpAfter) return { deaths: counted, pauseMs: null };
  const full = earlier.length === 0 ? 0 : Math.min(limits.longestPauseMs, FIRST_PAUSE_MS * 2 ** (earlier.length - 1));
  return { deaths: counted, pauseMs: Math.round(full * (1 - random / 2)) };
}
