import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, NOTICE } from './decide-policy.ts';

const LIMITS = { maxRetries: 3, giveUpAfterMs: 24 * 3_600_000, retryFirstMs: 5_000, retryLongestMs: 300_000 };
const FRESH = { failures: 0, unavailableSince: null };
const NOW = 1_000_000;

test('every message of the agent is a reply; saying nothing is no failure', () => {
  const answered = decide(FRESH, { kind: 'answered', messages: ['a', ' ', 'b'], newestMessageId: 'm' }, LIMITS, NOW, 0);
  assert.deepEqual(answered, { kind: 'settle', as: 'answered', reason: null, texts: ['a', 'b'], newestMessageId: 'm' });
  assert.equal(decide(FRESH, { kind: 'answered', messages: [' '], newestMessageId: null }, LIMITS, NOW, 0).kind, 'settle');
  const silent = decide(FRESH, { kind: 'silent', newestMessageId: 'm' }, LIMITS, NOW, 0);
  assert.deepEqual(silent, { kind: 'settle', as: 'silent', reason: null, texts: [], newestMessageId: 'm' });
});

test('a turn that fails is asked again max_retries times, then parked, and the sender told once', () => {
  const delays: number[] = [];
  let failures = 0;
  for (;;) {
    const decision = decide({ failures, unavailableSince: null }, { kind: 'failed', reason: 'llm_error' }, LIMITS, NOW, 0);
    if (decision.kind === 'park') {
      assert.deepEqual(decision.texts, [NOTICE.failed]);
      assert.match(decision.reason, /failed 4 times, at last: llm_error/);
      break;
    }
    assert.ok(decision.kind === 'wait');
    delays.push(decision.dueAt - NOW);
    failures = decision.failures;
  }
  assert.deepEqual(delays, [5_000, 10_000, 20_000]);
});

test('retries never wait longer than 300 s', () => {
  const decision = decide({ failures: 9, unavailableSince: null }, { kind: 'failed', reason: '' }, { ...LIMITS, maxRetries: 10 }, NOW, 0);
  assert.ok(decision.kind === 'wait' && decision.dueAt - NOW === 300_000);
});

test('an unreachable Letta counts no failure, is tried at longer intervals, and is given up after a day', () => {
  let now = NOW;
  let unavailableSince: number | null = null;
  const outcome = { kind: 'unavailable', reason: 'ECONNREFUSED', afterMs: null } as const;
  let tries = 0;
  for (;;) {
    const decision = decide({ failures: 2, unavailableSince }, outcome, LIMITS, now, 0);
    if (decision.kind === 'park') break;
    assert.ok(decision.kind === 'wait');
    assert.equal(decision.failures, 2);
    assert.ok(decision.dueAt - now >= 1_000 && decision.dueAt - now <= 60_000);
    unavailableSince = decision.unavailableSince;
    now = decision.dueAt;
    tries += 1;
  }
  assert.ok(now - NOW >= LIMITS.giveUpAfterMs);
  assert.ok(tries < 1_500, `${tries} tries in a day`);
});

test('a server that says when is believed', () => {
  const decision = decide(FRESH, { kind: 'unavailable', reason: '429', afterMs: 90_000 }, LIMITS, NOW, 1);
  assert.ok(decision.kind === 'wait' && decision.dueAt === NOW + 90_000);
});

test('what a person must mend holds the agent; what Letta never takes is refused; what is unknown is found out', () => {
  assert.equal(decide(FRESH, { kind: 'held', reason: '401' }, LIMITS, NOW, 0).kind, 'hold');
  const refused = decide(FRESH, { kind: 'rejected', reason: '422' }, LIMITS, NOW, 0);
  assert.ok(refused.kind === 'settle' && refused.as === 'refused' && refused.texts.length === 1);
  assert.equal(decide(FRESH, { kind: 'unknown', reason: 'reset' }, LIMITS, NOW, 0).kind, 'find-out');
});

test('what is refused with images is asked once more without them; a failure that is not about them is a failure', () => {
  const shown = { ...FRESH, hadImages: true };
  assert.deepEqual(decide(shown, { kind: 'rejected', reason: '400' }, LIMITS, NOW, 0), { kind: 'without-images', reason: '400' });
  const badRequest = { kind: 'failed', reason: 'llm_bad_request', isBadRequest: true } as const;
  assert.equal(decide(shown, badRequest, LIMITS, NOW, 0).kind, 'without-images');
  assert.equal(decide(FRESH, badRequest, LIMITS, NOW, 0).kind, 'wait');
  assert.equal(decide(shown, { kind: 'failed', reason: 'llm_timeout' }, LIMITS, NOW, 0).kind, 'wait');
});

test('for how long a turn was tried before it was given up is told in a unit that fits', () => {
  const told = (lastedMs: number): string => {
    const limits = { ...LIMITS, giveUpAfterMs: 1_000 };
    const turn = { ...FRESH, unavailableSince: NOW - lastedMs };
    const decision = decide(turn, { kind: 'unavailable', reason: 'refused', afterMs: null }, limits, NOW, 0);
    assert.equal(decision.kind, 'park');
    return decision.kind === 'park' ? decision.reason : '';
  };
  assert.deepEqual(
    [60_000, 119_900, 600_000, 7_200_000, 86_400_000].map((ms) => told(ms)),
    ['60 s', '2 min', '10 min', '2.0 h', '24.0 h'].map((time) => `gave up after ${time}: refused`),
  );
});
