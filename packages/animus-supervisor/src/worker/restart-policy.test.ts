import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_SUPERVISION, type RestartLimits } from 'animus-protocol';
import fc from 'fast-check';
import { decideRestart, windowMs } from './restart-policy.ts';

const LIMITS = DEFAULT_SUPERVISION.restart;

/** Dies again and again, each time after `livesMs`; gives the pauses, with null where it is left down. */
function pausesOf(limits: RestartLimits, times: number, livesMs = 100, random = 0): (number | null)[] {
  let deaths: readonly number[] = [];
  let now = 0;
  return Array.from({ length: times }, () => {
    now += livesMs;
    const decision = decideRestart(deaths, null, { now, random, limits });
    deaths = decision.deaths;
    now += decision.pauseMs ?? 0;
    return decision.pauseMs;
  });
}

test('the first restart is at once, later ones pause twice as long each, up to a minute', () => {
  assert.deepEqual(pausesOf(LIMITS, 10), [0, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
});

test('a longest pause of an hour is reached and kept', () => {
  const pauses = pausesOf({ ...LIMITS, longestPauseMs: 3_600_000 }, 25);
  assert.deepEqual(pauses.slice(-10), Array(10).fill(3_600_000));
});

test('health of forgiven_after forgives, a moment less does not', () => {
  const deaths = [1, 2, 3];
  const pauseAt = (now: number): number | null => decideRestart(deaths, 10, { now, random: 0.5, limits: LIMITS }).pauseMs;
  assert.equal(pauseAt(10 + LIMITS.forgivenAfterMs), 0);
  assert.ok(Number(pauseAt(10 + LIMITS.forgivenAfterMs - 1)) > 0);
});

test('it is never given up, unless it may: then after so many deaths in so long a time', () => {
  assert.ok(!pausesOf(LIMITS, 150).includes(null));
  const limits = { ...LIMITS, giveUpAfter: 3, withinMs: 10_000 };
  assert.deepEqual(pausesOf(limits, 3), [0, 500, null]);
  assert.deepEqual(pausesOf(limits, 3, 6_000), [0, 500, 1_000], 'farther apart');
  assert.deepEqual(pausesOf({ ...limits, giveUpAfter: 1 }, 1), [null]);
});

test('jitter only shortens, by half at most', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 1000 }), { maxLength: 30 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (deaths, random) => {
        const full = Number(decideRestart(deaths, null, { now: 1000, random: 0, limits: LIMITS }).pauseMs);
        const pause = Number(decideRestart(deaths, null, { now: 1000, random, limits: LIMITS }).pauseMs);
        assert.ok(pause <= full && pause >= Math.floor(full / 2) && full <= LIMITS.longestPauseMs);
      },
    ),
  );
});

test('whatever its age, an agent that never gets healthy is not started more often than the window allows', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 1e9 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      fc.integer({ min: 0, max: 5_000 }),
      fc.constantFrom(1_000, 10_000, 60_000),
      (begin, random, livesMs, longestPauseMs) => {
        const limits = { ...LIMITS, longestPauseMs };
        let deaths: readonly number[] = [];
        let now = begin;
        let starts = 0;
        while (now < begin + windowMs(limits)) {
          now += livesMs;
          const decision = decideRestart(deaths, null, { now, random, limits });
          deaths = decision.deaths;
          now += decision.pauseMs ?? 0;
          starts += 1;
        }
        // Eight to reach the longest pause, then one per half of it (jitter) at most.
        assert.ok(starts <= 8 + windowMs(limits) / (longestPauseMs / 2) + 1, `${starts} starts`);
      },
    ),
  );
});
