import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideDelivery, keyFault } from './deliver-policy.ts';

const CHANNEL = { isIdempotent: true, giveUpAfterMs: 3_600_000 };
const PART = { failures: 0, createdAt: 0 };

test('a part without answer is sent again only where its key makes that safe', () => {
  const uncertain = { kind: 'uncertain', reason: 'reset' } as const;
  assert.equal(decideDelivery(PART, uncertain, CHANNEL, 0).kind, 'wait');
  const kept = decideDelivery(PART, uncertain, { ...CHANNEL, isIdempotent: false }, 0);
  assert.ok(kept.kind === 'end' && kept.state === 'uncertain');
});

test('a flood wait is waited for, a failure backs off, and both end some day', () => {
  const flood = decideDelivery(PART, { kind: 'retry', afterMs: 42_000, reason: 'FLOOD_WAIT' }, CHANNEL, 0);
  assert.ok(flood.kind === 'wait' && flood.dueAt === 42_000);
  const third = decideDelivery({ failures: 3, createdAt: 0 }, { kind: 'retry', afterMs: 0, reason: '' }, CHANNEL, 0);
  assert.ok(third.kind === 'wait' && third.dueAt === 8_000 && third.failures === 4);
  const late = decideDelivery(PART, { kind: 'retry', afterMs: 0, reason: 'x' }, CHANNEL, 3_600_000);
  assert.ok(late.kind === 'end' && late.state === 'refused');
});

test('a channel that is down counts nothing against the part', () => {
  assert.deepEqual(decideDelivery(PART, { kind: 'down', reason: 'offline' }, CHANNEL, 0), { kind: 'channel-down', reason: 'offline' });
});

test('a key is trusted as long as the platform surely remembers it', () => {
  const sent = { firstSentAt: 1_000 };
  assert.equal(keyFault(sent, 500, 1_500), null);
  assert.match(keyFault(sent, 500, 1_501) ?? '', /may have arrived/);
  assert.equal(keyFault(sent, undefined, 9e12), null);
  assert.equal(keyFault({ firstSentAt: null }, 500, 9e12), null);
  const overdue = decideDelivery(PART, { kind: 'uncertain', reason: 'reset' }, CHANNEL, 3_600_000);
  assert.ok(overdue.kind === 'end' && overdue.state === 'uncertain', 'nobody knows that it was refused');
});
