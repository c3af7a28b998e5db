import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { judgeEnd, reconnectAfter } from './reconnect-policy.ts';

test('waits grow to a minute and no further, and are never all alike', () => {
  assert.deepEqual(
    [1, 2, 3, 20].map((failures) => reconnectAfter(failures, 1)),
    [1_000, 2_000, 4_000, 60_000],
  );
  assert.equal(reconnectAfter(1, 0), 500);
  fc.assert(
    fc.property(
      fc.nat(10_000),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (failures, chance) => reconnectAfter(failures, chance) <= 60_000,
    ),
  );
});

test('a lost connection comes again; a lost session needs a login, which a bot may do unless another one has it', () => {
  const refused = (code: number, word: string, waitMs: number | null = null) => judgeEnd({ kind: 'refused', code, word, waitMs }, 1, 1);
  const lost = judgeEnd({ kind: 'lost', message: 'ECONNREFUSED' }, 3, 1);
  assert.deepEqual(lost, { kind: 'again', afterMs: 4_000, reason: 'no connection to Telegram: ECONNREFUSED' });
  assert.deepEqual(refused(420, 'FLOOD_WAIT_30', 30_000), {
    kind: 'again',
    afterMs: 30_000,
    reason: 'Telegram refuses the connection: FLOOD_WAIT_30',
  });
  for (const [verdict, byToken] of [
    [judgeEnd({ kind: 'forgotten' }, 1, 1), true],
    [refused(401, 'SESSION_REVOKED'), true],
    [refused(406, 'AUTH_KEY_DUPLICATED'), false],
    [refused(400, 'ACCESS_TOKEN_EXPIRED'), false],
  ] as const) {
    assert.ok(verdict.kind === 'login' && verdict.byToken === byToken, verdict.reason);
  }
});
