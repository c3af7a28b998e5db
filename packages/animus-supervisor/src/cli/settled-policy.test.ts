import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AgentStatus, Phase } from 'animus-protocol';
import { isSettled } from './settled-policy.ts';

const BEAT: NonNullable<AgentStatus['beat']> = {
  at: 0,
  eventLoopDelayMs: 0,
  mode: 'live',
  queue: { waiting: 0, running: 0, parked: 0, outbox: 0, settled: 0 },
  letta: { state: 'reachable', since: 0 },
  channels: [{ name: 'console', state: 'up' }],
  problems: [],
};

function agent(changed: Partial<AgentStatus> = {}): AgentStatus {
  return {
    id: 'agent-a',
    phase: 'ready',
    wanted: 'running',
    pid: 1,
    restarts: 3,
    deaths: {},
    lastDeath: null,
    startedAt: 0,
    uptimeMs: 100,
    reason: null,
    release: null,
    version: null,
    cpu: null,
    memoryBytes: null,
    beat: BEAT,
    isolation: 'none',
    tree: 'marker',
    startedByHand: false,
    ...changed,
  };
}

describe('isSettled', () => {
  it('waits for who is on its way, and for nobody else', () => {
    const settled = (phase: Phase): boolean => isSettled(agent({ phase }), 3, 0);
    assert.deepEqual((['waiting', 'starting', 'stopping'] as const).map(settled), [false, false, false]);
    assert.deepEqual((['unhealthy', 'backing-off', 'broken', 'ready'] as const).map(settled), [true, true, true, true]);
    assert.deepEqual([settled('stopped'), isSettled(agent({ phase: 'stopped', wanted: 'stopped' }), 3, 0)], [false, true]);
    assert.equal(isSettled(agent({ phase: 'waiting' }), 3, 60_000), true);
    // Whoever cannot tell who runs says so, and a person is not kept waiting; nothing said is a look that goes on.
    const unsure = { phase: 'waiting', reason: 'something listens, but does not say hello' } as const;
    assert.deepEqual([isSettled(agent(unsure), 3, 5_000), isSettled(agent({ phase: 'waiting' }), 3, 5_000)], [true, false]);
  });

  it('who is ready has beaten, its channels have started and Letta was asked; or three seconds have passed', () => {
    const first: Partial<AgentStatus>[] = [
      { beat: null },
      { beat: { ...BEAT, channels: [{ name: 'telegram', state: 'starting' }] } },
      { beat: { ...BEAT, letta: { state: 'unchecked' } } },
    ];
    for (const changed of first) {
      assert.equal(isSettled(agent(changed), 3, 0), false, JSON.stringify(changed));
      assert.equal(isSettled(agent({ ...changed, uptimeMs: 3_000 }), 3, 0), true);
    }
    assert.equal(isSettled(agent({ beat: { ...BEAT, mode: 'echo', letta: { state: 'unchecked' } } }), 3, 0), true);
  });

  it('who died while it was looked at must stand for two seconds', () => {
    assert.equal(isSettled(agent({ restarts: 4 }), 3, 0), false);
    assert.equal(isSettled(agent({ restarts: 4, uptimeMs: 2_000 }), 3, 0), true);
  });
});
