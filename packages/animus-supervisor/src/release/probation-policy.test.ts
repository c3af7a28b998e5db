import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BeatReport } from 'animus-protocol';
import { judgeProbation as judge, LETTA_WITHIN_MS, type Tried, type Verdict } from './probation-policy.ts';

function beat(changed: Partial<BeatReport> = {}): BeatReport {
  return {
    at: 0,
    eventLoopDelayMs: 0,
    mode: 'live',
    queue: { waiting: 0, running: 0, parked: 0, outbox: 0, settled: 0 },
    letta: { state: 'reachable', since: 0 },
    channels: [{ name: 'spool', state: 'starting' }],
    problems: [],
    ...changed,
  };
}

const PROBATION_MS = 4_000;
const READY: Tried = {
  phase: 'ready',
  reason: null,
  deaths: 0,
  lastDeath: null,
  isShut: true,
  beat: beat(),
  readyMs: PROBATION_MS,
  beatMs: PROBATION_MS,
};
const judgeProbation = (tried: Tried, before: BeatReport | null): Verdict => judge(tried, before, PROBATION_MS);

describe('a release on probation', () => {
  it('is well when it beats after it has stood for a while, and reaches Letta as the former one did', () => {
    assert.deepEqual(judgeProbation(READY, beat()), { kind: 'well' });
    // However long it says that it is ready: one that hangs beats no more, and the watchdog ends it.
    assert.deepEqual(judgeProbation({ ...READY, readyMs: 20_000, beatMs: PROBATION_MS - 1 }, beat()), { kind: 'wait' });
    assert.deepEqual(judgeProbation({ ...READY, phase: 'starting', beat: null, readyMs: null, beatMs: null }, beat()), { kind: 'wait' });
    assert.deepEqual(judgeProbation({ ...READY, beat: null }, beat()), { kind: 'wait' });
  });

  it('is ill once it died, however well it looks again', () => {
    assert.deepEqual(judgeProbation({ ...READY, deaths: 1, lastDeath: 'exited with code 9' }, beat()), {
      kind: 'ill',
      reason: 'exited with code 9',
    });
    assert.deepEqual(judgeProbation({ ...READY, phase: 'broken', reason: 'no key' }, beat()), { kind: 'ill', reason: 'no key' });
  });

  it('that never was shut has opened: there is no way back', () => {
    assert.deepEqual(judgeProbation({ ...READY, isShut: false, beat: null, readyMs: 0 }, beat()), { kind: 'well' });
  });

  it('is given time for Letta, if the former one reached it', () => {
    const unchecked = { ...READY, beat: beat({ letta: { state: 'unchecked' } }) };
    const unreachable = beat({ letta: { state: 'unreachable', since: 0, reason: 'refused' } });
    assert.deepEqual(judgeProbation(unchecked, beat()), { kind: 'wait' });
    assert.deepEqual(judgeProbation({ ...unchecked, readyMs: LETTA_WITHIN_MS }, beat()).kind, 'ill');
    assert.match(JSON.stringify(judgeProbation({ ...READY, beat: unreachable, readyMs: LETTA_WITHIN_MS }, beat())), /refused/);
    assert.deepEqual(judgeProbation({ ...READY, beat: unreachable }, unreachable), { kind: 'well' });
    assert.deepEqual(judgeProbation(unchecked, null), { kind: 'well' });
  });

  it('is ill by a channel that fails or is gone, unless that was so before', () => {
    const failed = beat({ channels: [{ name: 'spool', state: 'failed', reason: 'no such file' }] });
    assert.match(JSON.stringify(judgeProbation({ ...READY, beat: failed }, beat())), /spool cannot be used: no such file/);
    assert.deepEqual(judgeProbation({ ...READY, beat: failed }, failed), { kind: 'well' });
    assert.match(JSON.stringify(judgeProbation({ ...READY, beat: beat({ channels: [] }) }, beat())), /no channel spool any more/);
  });
});
