import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CRASH_RESTS_MS, judgeCrashes } from './poison-policy.ts';

test('what kills each Broca is set aside after five crashes and half a minute of rest', () => {
  const rests: number[] = [];
  let crashes = 1;
  let verdict = judgeCrashes(crashes);
  for (; verdict.kind === 'rest'; verdict = judgeCrashes(crashes)) {
    rests.push(verdict.restMs);
    crashes += 1;
  }
  assert.equal(crashes, 5);
  assert.ok(rests.reduce((sum, rest) => sum + rest, 0) <= 40_000);
  assert.match(verdict.reason, /5 times in a row/);
});

test('a crash more never means less rest, and once set aside it stays so', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), (crashes) => {
      const before = judgeCrashes(crashes);
      const after = judgeCrashes(crashes + 1);
      if (before.kind === 'set-aside') assert.equal(after.kind, 'set-aside');
      else assert.ok(after.kind === 'set-aside' || after.restMs >= before.restMs);
    }),
  );
});

test('a storm of kills sets no innocent aside', () => {
  // A turn that Letta stalls for some seconds, a Broca that needs 100 ms to start, a kill every 300 ms by chance: 200 a minute.
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), fc.integer({ min: 0, max: 10_000 }), (seed, stallMs) => {
      let now = 0;
      let crashes = 0;
      for (const lifeMs of lives(seed)) {
        // Waits while it rests (not in hand), then is in hand until Letta answers and a little for the answer.
        const rest = crashes === 0 ? 0 : (CRASH_RESTS_MS[crashes - 1] ?? 0);
        const takenAt = now + 100 + rest;
        const doneAt = Math.max(takenAt, stallMs) + 20;
        const killedAt = now + 100 + lifeMs;
        if (killedAt > doneAt) return;
        if (killedAt > takenAt) crashes += 1;
        // Rest is in the database for one that waits, and begins anew for one that runs: the longer way is taken.
        now = killedAt;
        assert.equal(judgeCrashes(Math.max(crashes, 1)).kind, 'rest', `set aside after ${now} ms`);
      }
    }),
    { numRuns: 2_000, seed: 4711 },
  );
});

/** Times between kills, exponential with a mean of 300 ms. */
function* lives(seed: number): Generator<number> {
  for (let state = seed, count = 0; count < 100_000; count += 1) {
    state = (state * 48_271) % 2_147_483_647;
    yield -300 * Math.log(state / 2_147_483_647);
  }
}
