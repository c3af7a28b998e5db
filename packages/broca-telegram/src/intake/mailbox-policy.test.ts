import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { judgeStep } from './mailbox-policy.ts';

test('a step is the next one, an old one, or behind a gap', () => {
  assert.equal(judgeStep(null, { pts: 70, count: 1 }), 'apply', 'a mailbox begins where it is first seen');
  assert.equal(judgeStep(10, { pts: 11, count: 1 }), 'apply');
  assert.equal(judgeStep(10, { pts: 13, count: 3 }), 'apply');
  assert.equal(judgeStep(10, { pts: 10, count: 0 }), 'apply');
  assert.equal(judgeStep(10, { pts: 10, count: 1 }), 'old');
  assert.equal(judgeStep(10, { pts: 13, count: 1 }), 'gap');
});

test('in whatever order steps come, and however often: each is applied once, in order', () => {
  const counts = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(counts, fc.infiniteStream(fc.nat()), (sizes, random) => {
      let pts = 0;
      const steps = sizes.map((count) => {
        pts += count;
        return { pts, count };
      });
      const arriving = [...steps, ...steps]
        .map((step) => ({ step, rank: random.next().value }))
        .sort((one, other) => one.rank - other.rank);
      const applied: number[] = [];
      let place = 0;
      let held: typeof steps = [];
      for (const { step } of arriving) {
        held.push(step);
        for (let isMoving = true; isMoving; ) {
          const next = held.find((one) => judgeStep(place, one) === 'apply');
          isMoving = next !== undefined;
          if (next === undefined) continue;
          place = next.pts;
          applied.push(next.pts);
        }
        held = held.filter((one) => judgeStep(place, one) === 'gap');
      }
      assert.deepEqual(
        applied,
        steps.map((step) => step.pts),
      );
    }),
  );
});
