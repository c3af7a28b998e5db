import assert from 'node:assert/strict';
import { test } from 'node:test';
import { originalTime } from './original-time.ts';
import { fateOf, type OriginalMessage } from './reconcile-policy.ts';

function fate(changed: Partial<OriginalMessage>): string {
  const { state, outcome, reply, mayHaveAsked } = fateOf({
    status: 'pending',
    attempts: 0,
    isProcessed: false,
    hasResponse: false,
    hasSender: true,
    ...changed,
  });
  return [state, outcome, reply?.state, mayHaveAsked ? 'may have asked' : null]
    .filter((word) => word !== null && word !== undefined)
    .join(' ');
}

const done = { isProcessed: true, hasResponse: true };
const cases: [string, Partial<OriginalMessage>, string][] = [
  ['completed, replied', { status: 'completed', ...done }, 'settled answered sent'],
  ['completed, handing over failed', { status: 'completed', hasResponse: true }, 'settled answered uncertain'],
  ['completed without a reply', { status: 'completed', isProcessed: true }, 'settled silent'],
  ['failed', { status: 'failed', attempts: 2 }, 'settled refused'],
  ['failed after the agent answered', { status: 'failed', hasResponse: true }, 'settled answered uncertain'],
  ['flushed', { status: 'flushed' }, 'settled flushed'],
  ['pending', { status: 'pending' }, 'waiting'],
  ['pending again after an answer', { status: 'pending', ...done }, 'settled answered uncertain'],
  ['pending from nobody', { status: 'pending', hasSender: false }, 'parked'],
  ['processing', { status: 'processing' }, 'parked may have asked'],
  ['processing with an answer', { status: 'processing', ...done }, 'settled answered uncertain'],
  ['never queued', { status: null }, 'settled stored'],
  ['never queued, replied', { status: null, ...done }, 'settled answered sent'],
  ['of a state nobody knows', { status: 'retrying' }, 'parked may have asked'],
];
for (const [name, changed, expected] of cases) test(`a message that is ${name}: ${expected}`, () => assert.equal(fate(changed), expected));

test('why it was given up is told', () => {
  const { reason } = fateOf({ status: 'failed', attempts: 3, isProcessed: false, hasResponse: false, hasSender: true });
  assert.equal(reason, 'the Python Broca gave up on it after 3 tries');
});

test('times without a zone are UTC; what is no time is none', () => {
  const at = Date.UTC(2026, 6, 10, 11, 8);
  for (const text of [
    '2026-07-10 11:08 UTC',
    '2026-07-10T11:08:00',
    '2026-07-10 11:08:00',
    '2026-07-10T11:08:00.000000Z',
    '2026-07-10T13:08+02:00',
  ]) {
    assert.equal(originalTime(text), at, text);
  }
  assert.equal(originalTime('2026-07-10T11:08:00.123456'), at + 123);
  for (const text of [null, '', 'now', '2026-02-31 10:00', '1783681680', '2026-13-01 00:00'])
    assert.equal(originalTime(text), null, String(text));
});
