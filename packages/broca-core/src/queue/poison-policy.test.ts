import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { judgeCrashes, restLeft } from './poison-policy.ts';

test('what kills each Broca is set aside after seven crashes and a minute of rest', () => {
  const rests: number[] = [];
  let crashes = 1;
  let verdict = judgeCrashes(crashes);
  for (; verdict.kind === 'rest'; verdict = judgeCrashes(crashes)) {
    rests.push(verdict.restMs);
    crashes += 1;
  }
  assert.equal(crashes, 7);
  assert.ok(rests.reduce((sum, rest) => sum + rest, 0) <= 60_000);
  assert.match(verdict.reason, /7 times in a row/);
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

/** A turn that Letta stalls for so long, and a Broca that is killed again and again at random; how many turns of all are set aside? */
function storm(stallMs: number, meanLifeMs: number, turns: number): number {
  const random = randomFrom(4711);
  let setAside = 0;
  for (let turn = 0; turn < turns; turn += 1) {
    let now = 0;
    let crashes = 0;
    let dueAt = 0;
    for (let death = 0; ; death += 1) {
      // The supervisor's pause (restart-policy.ts) and 100 ms to start. It rests, and is not in hand; then it is until
      // Letta answers, and a little longer for the answer.
      const pauseMs = death === 0 ? 0 : Math.min(500 * 2 ** (death - 1), 60_000) * (1 - random() / 2);
      const upAt = now + pauseMs + 100;
      const takenAt = upAt + restLeft({ crashes, dueAt }, upAt);
      const doneAt = Math.max(takenAt, stallMs) + 20;
      now = upAt + Math.ceil(-meanLifeMs * Math.log(1 - random()));
      if (now > doneAt) break;
      if (now <= takenAt) continue;
      crashes += 1;
      const verdict = judgeCrashes(crashes);
      if (verdict.kind === 'set-aside') setAside += 1;
      if (verdict.kind === 'set-aside') break;
      dueAt = now + verdict.restMs;
    }
  }
  return setAside;
}

test('a storm of kills sets hardly an innocent aside', () => {
  assert.equal(storm(0, 300, 5_000), 0);
  assert.equal(storm(10_000, 1_000, 5_000), 0);
  // Some hundred milliseconds to live, each time, while Letta stalls for ten seconds: one of a thousand.
  assert.ok(storm(10_000, 300, 5_000) <= 10);
});

test('a clock that was set back makes no rest longer, and what no crash speaks against rests not at all', () => {
  assert.equal(restLeft({ crashes: 3, dueAt: 10_000 }, 8_000), 2_000);
  assert.equal(restLeft({ crashes: 3, dueAt: 10_000 }, 11_000), 0);
  assert.equal(restLeft({ crashes: 3, dueAt: 3_600_000 }, 0), 0);
  assert.equal(restLeft({ crashes: 0, dueAt: 10_000 }, 8_000), 0);
});

/** mulberry32: the same numbers in each run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
