import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LettaStanding } from './letta-standing.ts';

test('a held agent is probed by itself, at longer intervals, and goes on when Letta takes it again', () => {
  const standing = new LettaStanding();
  standing.held('the key is wrong', 1_000);
  const gaps: number[] = [];
  let now = 1_000;
  for (let probe = 0; probe < 6; probe += 1) {
    assert.equal(standing.askableAt(), null, 'no turn is asked meanwhile');
    gaps.push(standing.probeAt - now);
    now = standing.probeAt;
    standing.probed({ kind: 'held', reason: 'the key is wrong' }, now);
  }
  assert.deepEqual(gaps, [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
  assert.deepEqual(standing.state, { state: 'held', since: 1_000, reason: 'the key is wrong' });
  standing.probed({ kind: 'reachable', agentName: 'a' }, now);
  assert.equal(standing.askableAt(), 0);
});

test('requests in a row that reach nobody pause the agent, up to half a minute; one that is heard ends it', () => {
  const standing = new LettaStanding();
  const pauses: number[] = [];
  for (let tries = 0; tries < 7; tries += 1) {
    standing.heard({ kind: 'unavailable', reason: 'ECONNREFUSED', afterMs: null }, 0);
    pauses.push(standing.askableAt() ?? -1);
  }
  assert.deepEqual(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  standing.heard({ kind: 'failed', reason: 'llm_api_error' }, 5);
  assert.equal(standing.askableAt(), 0, 'a failure is an answer');
});

test('what keeps one turn from being asked makes nobody else wait', () => {
  const standing = new LettaStanding();
  for (let tries = 0; tries < 7; tries += 1) {
    standing.heard({ kind: 'unavailable', reason: 'another block is in the way', afterMs: null, isOfThisTurn: true }, 5);
    assert.equal(standing.askableAt(), 0);
  }
  assert.deepEqual(standing.state, { state: 'reachable', since: 5 });
});

test('what was mended is looked at at once', () => {
  const standing = new LettaStanding();
  standing.held('no credit', 1_000);
  standing.lookNow();
  assert.equal(standing.probeAt, 0);
});

test('an agent that can be looked at, and whose credit is used up all the same, is asked more and more seldom', () => {
  const standing = new LettaStanding();
  const gaps: number[] = [];
  let now = 0;
  for (let round = 0; round < 6; round += 1) {
    standing.heard({ kind: 'held', reason: 'no credit' }, now);
    gaps.push(standing.probeAt - now);
    now = standing.probeAt;
    standing.probed({ kind: 'reachable', agentName: 'a' }, now);
    assert.equal(standing.askableAt(), 0);
  }
  assert.deepEqual(gaps, [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
  standing.heard({ kind: 'silent', newestMessageId: null }, now);
  standing.heard({ kind: 'held', reason: 'no credit' }, now);
  assert.equal(standing.probeAt - now, 5_000, 'a turn that was taken starts it anew');
});

test('a Letta that answers looks and fails each turn is told as one thing, until a turn is taken or none is tried any more', () => {
  const failure = { kind: 'unavailable', reason: 'status 500', afterMs: null } as const;
  const look = { kind: 'reachable', agentName: 'a' } as const;
  let changes = 0;
  const standing = new LettaStanding(() => {
    changes += 1;
  });
  for (let now = 0; now < 300_000; now += 30_000) {
    standing.heard(failure, now);
    standing.probed(look, now + 5_000);
    assert.equal(standing.state.state, 'unreachable');
    assert.equal(standing.askableAt(), 0, 'it may be asked all the same');
  }
  assert.equal(changes, 1);
  standing.heard({ kind: 'failed', reason: 'llm_api_error' }, 301_000);
  assert.equal(standing.state.state, 'reachable');
  standing.heard(failure, 310_000);
  standing.probed(look, 410_000);
  assert.equal(standing.state.state, 'reachable');
});

test('a Letta that was away and answers a look is back at once', () => {
  const standing = new LettaStanding();
  standing.heard({ kind: 'unavailable', reason: 'ECONNREFUSED', afterMs: null }, 0);
  standing.probed({ kind: 'unreachable', reason: 'ECONNREFUSED' }, 5_000);
  standing.probed({ kind: 'reachable', agentName: 'a' }, 15_000);
  assert.equal(standing.state.state, 'reachable');
});
