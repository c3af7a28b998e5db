import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeRefusal, sessionFault } from './error-policy.ts';

const judge = (word: string, code = 400, waitMs: number | null = null) => {
  const verdict = judgeRefusal({ code, word, waitMs });
  return verdict.kind === 'outcome' ? verdict.outcome : verdict;
};

test('each refusal of Telegram means one thing for the message', () => {
  assert.deepEqual(judge('RANDOM_ID_DUPLICATE', 500), { kind: 'delivered' });
  assert.deepEqual(judge('FLOOD_WAIT_42', 420, 42_000), { kind: 'retry', afterMs: 42_000, reason: 'FLOOD_WAIT_42' });
  assert.deepEqual(judge('SLOWMODE_WAIT_10', 420, 10_000), { kind: 'retry', afterMs: 10_000, reason: 'SLOWMODE_WAIT_10' });
  assert.equal(judge('PEER_FLOOD').kind, 'retry');
  for (const word of [
    'USER_IS_BLOCKED',
    'INPUT_USER_DEACTIVATED',
    'CHAT_WRITE_FORBIDDEN',
    'CHANNEL_PRIVATE',
    'PEER_ID_INVALID',
    'NEW_WORD_OF_TOMORROW',
  ]) {
    const outcome = judge(word, 403);
    assert.ok(outcome.kind === 'refused' && outcome.reason.includes(word), word);
  }
  assert.equal(judge('REPLY_MESSAGE_ID_INVALID').kind, 'without-reply');
  assert.equal(judge('ENTITY_BOUNDS_INVALID').kind, 'without-markup');
  assert.equal(judge('WEBPAGE_CURL_FAILED').kind, 'without-media');
  assert.equal(judge('RPC_CALL_FAIL', 500).kind, 'uncertain');
  assert.equal(judge('TIMEOUT', -503).kind, 'uncertain');
  assert.equal(judge('AUTH_KEY_UNREGISTERED', 401).kind, 'session');
});

test('a session that is over says why, and what to do', () => {
  for (const [code, word, expected] of [
    [406, 'AUTH_KEY_DUPLICATED', /another program.*log in again/],
    [401, 'SESSION_REVOKED', /ended this session.*log in again/],
    [401, 'AUTH_KEY_UNREGISTERED', /log in again/],
    [400, 'ACCESS_TOKEN_INVALID', /bot token/],
    [400, 'API_ID_INVALID', /my\.telegram\.org/],
    [406, 'UPDATE_APP_TO_LOGIN', /newer library.*docs\/channels/],
    [401, 'USER_DEACTIVATED', /closed this account/],
  ] as const) {
    assert.match(sessionFault({ code, word }) ?? '', expected);
  }
  assert.equal(sessionFault({ code: 400, word: 'MESSAGE_EMPTY' }), null);
  assert.equal(sessionFault({ code: 400, word: 'USER_DEACTIVATED' }), null, 'that is the other one');
});
