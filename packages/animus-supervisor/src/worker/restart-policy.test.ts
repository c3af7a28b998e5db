import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decideRestart, FORGIVEN_AFTER_MS, LONGEST_PAUSE_MS, WINDOW_MS } from './restart-policy.ts';

test('the first restart is at once, later ones pause twice as long each, up to a minute', () => {
  let deaths: readonly number[] = [];
  const pauses: number[] = [];
  let now = 0;
  for (let count = 0; count < 10; count += 1) {
    const decision = decideRestart(deaths, null, now, 0);
    deaths = decision.deaths;
    pauses.push(decision.pauseMs);
    now += decision.pauseMs + 100;
  }
  assert.deepEqual(pauses, [0, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
});

test('a minute of health forgives, a second less does not', () => {
  const deaths = [1, 2, 3];
  assert.equal(decideRestart(deaths, 10, 10 + FORGIVEN_AFTER_MS, 0.5).pauseMs, 0);
  assert.ok(decideRestart(deaths, 10, 10 + FORGIVEN_AFTER_MS - 1, 0.5).pauseMs > 0);
});

test('jitter only shortens, by half at most', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 1000 }), { maxLength: 30 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (deaths, random) => {
        const full = decideRestart(deaths, null, 1000, 0).pauseMs;
        const { pauseMs } = decideRestart(deaths, null, 1000, random);
        assert.ok(pauseMs <= full && pauseMs >= Math.floor(full / 2) && full <= LONGEST_PAUSE_MS);
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
      (begin, random, livesMs) => {
        let deaths: readonly number[] = [];
        let now = begin;
        let starts = 0;
        while (now < begin + WINDOW_MS) {
          now += livesMs;
          const decision = decideRestart(deaths, null, now, random);
          deaths = decision.deaths;
          now += decision.pauseMs;
          starts += 1;
        }
        // Eight to reach the longest pause, then one per half minute (jitter) at most.
        assert.ok(starts <= 8 + WINDOW_MS / (LONGEST_PAUSE_MS / 2) + 1, `${starts} starts`);
      },
    ),
  );
});
