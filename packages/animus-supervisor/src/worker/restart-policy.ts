/**
 * When a Broca that died is started again: the first time at once, then after pauses that double up to
 * a minute. Deaths are counted in a sliding window on the monotonic clock, so that neither the age of
 * an agent nor a clock that was set hides a crash loop.
 */

/** Health that makes all earlier deaths forgotten. */
export const FORGIVEN_AFTER_MS = 60_000;
/** Deaths older than this count no more. Longer than the deaths it takes to reach the longest pause. */
export const WINDOW_MS = 600_000;
export const FIRST_PAUSE_MS = 500;
export const LONGEST_PAUSE_MS = 60_000;

export type RestartDecision = { deaths: readonly number[]; pauseMs: number };

/**
 * @param deaths  earlier deaths that count, oldest first
 * @param healthySince  since when it was ready without a break, or null
 * @param random  0 ≤ random < 1; spreads agents that died together over the upper half of the pause
 */
export function decideRestart(deaths: readonly number[], healthySince: number | null, now: number, random: number): RestartDecision {
  const forgiven = healthySince !== null && now - healthySince >= FORGIVEN_AFTER_MS;
  const counted = forgiven ? [] : deaths.filter((at) => now - at < WINDOW_MS);
  const full = counted.length === 0 ? 0 : Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (counted.length - 1));
  return { deaths: [...counted, now].slice(-20), pauseMs: Math.round(full * (1 - random / 2)) };
}
