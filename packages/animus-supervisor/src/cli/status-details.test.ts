import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { reasonOf, type Shown } from './agent-words.ts';
import { makeScreen } from './render.ts';
import { detailLines } from './status-details.ts';

const AGENT: Shown = {
  ...{ id: 'agent-a', phase: 'ready', wanted: 'running', pid: 7, restarts: 3, startedAt: 0, uptimeMs: 100, reason: null },
  ...{
    release: null,
    version: null,
    deployedRelease: null,
    cpu: 1,
    memoryBytes: 1,
    isolation: 'none',
    tree: 'marker',
    startedByHand: false,
  },
  deaths: { signal: 2, 'memory-limit': 1 },
  lastDeath: { kind: 'signal', how: 'was killed by SIGKILL', at: 0 },
  beat: {
    ...{ at: 0, eventLoopDelayMs: 20, mode: 'live', letta: { state: 'unchecked' }, channels: [], problems: ['the disk is nearly full'] },
    queue: { waiting: 0, running: 0, parked: 0, outbox: 0, settled: 0 },
  },
};

function shown(agent: Shown): string {
  const screen = makeScreen({ stdout: new PassThrough(), stderr: () => new PassThrough(), noColour: true });
  return detailLines(agent, 'UTC', screen).join('\n');
}

test('deaths are told by kind, with the last and how it came', () => {
  assert.match(shown(AGENT), /^ {2}deaths +2 by a signal, 1 over its memory limit; the last: was killed by SIGKILL, 1970-01-01 00:00/m);
  assert.match(shown({ ...AGENT, deaths: {}, lastDeath: null }), /^ {2}deaths +none$/m);
});

test('an event loop that is late is a problem from a second on', () => {
  assert.match(shown(AGENT), /late by 20 ms at most/);
  assert.doesNotMatch(shown(AGENT), /its event loop is/);
  const { beat } = AGENT;
  assert.ok(beat !== null);
  const late = shown({ ...AGENT, beat: { ...beat, eventLoopDelayMs: 1_240 } });
  assert.match(late, /^ {2}problem +the disk is nearly full\n {2}problem +its event loop is 1\.2 s late: a plugin computes too long/m);
});

test('an agent whose turns wait says why in its line', () => {
  const { beat } = AGENT;
  assert.ok(beat !== null);
  const held = { state: 'held', since: 0, reason: 'Letta refuses the key (401)' } as const;
  assert.equal(reasonOf({ ...AGENT, deaths: {}, beat: { ...beat, letta: held } }), 'its turns wait: Letta refuses the key (401)');
  const away = { state: 'unreachable', since: 0, reason: 'nobody answers' } as const;
  assert.equal(reasonOf({ ...AGENT, deaths: {}, beat: { ...beat, letta: away } }), 'Letta cannot be reached: nobody answers');
  assert.equal(reasonOf({ ...AGENT, deaths: {} }), '');
});
