import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_SUPERVISION, PHASES } from 'animus-protocol';
import fc from 'fast-check';
import { CLOCK_GAP_MS, TERMINATE_MS } from './moves.ts';
import { type EventKind, hasProcess, type WorkerEvent } from './state.ts';
import { died, MEBIBYTE, none, World } from './world.fixture.ts';

const anyEvent: fc.Arbitrary<EventKind | 'late-alarm'> = fc.constantFrom(
  'want-running',
  'want-stopped',
  'restart',
  'files',
  'found',
  'none-found',
  'unsure',
  'spawn-failed',
  'hello',
  'ready',
  'beat',
  'leaving',
  'link-lost',
  'memory',
  'supervision',
  'exited',
  'alarm',
  'late-alarm',
);

/** What can happen now of what was drawn; null when it cannot. */
function possible(world: World, kind: EventKind | 'late-alarm', choice: number): WorkerEvent | null {
  const isOdd = choice % 2 === 1;
  switch (kind) {
    case 'want-running':
    case 'want-stopped':
      return { kind };
    case 'restart':
      return { kind, reason: 'asked' };
    case 'files':
      return { kind, fault: isOdd ? 'a copy' : null };
    case 'found':
      return world.looking === 1 ? { kind, byHand: isOdd } : null;
    case 'none-found':
      return world.looking === 1 ? { kind, last: isOdd ? { kind: 'unknown' } : null } : null;
    case 'unsure':
      return world.looking === 1 ? { kind, reason: 'silent' } : null;
    case 'spawn-failed':
      return world.live === 1 && world.effects.includes('spawn') ? { kind, reason: 'no release', isLasting: isOdd } : null;
    case 'hello':
    case 'ready':
    case 'beat':
      return world.live === 1 ? { kind } : null;
    case 'leaving':
    case 'link-lost':
      return world.live === 1 ? { kind, reason: 'x' } : null;
    case 'memory':
      return world.live === 1 ? { kind, bytes: isOdd ? 10 * MEBIBYTE : 1000 * MEBIBYTE } : null;
    case 'supervision':
      return { kind, renew: isOdd ? 'environment' : null };
    case 'exited':
      return world.live === 1 ? died([0, 1, 78, 137][choice % 4]) : null;
    case 'alarm':
    case 'late-alarm':
      return world.state.alarmAt === null ? null : { kind: 'alarm', sign: null };
  }
}

function holds(world: World): void {
  const { state, live, looking } = world;
  assert.ok(live === 0 || live === 1, `${live} processes live`);
  assert.equal(live === 1, hasProcess(state.phase), `${live} live in ${state.phase}`);
  if (state.wanted === 'running') {
    assert.notEqual(state.phase, 'stopped');
    const isDue =
      state.phase === 'waiting' ? looking === 1 || state.alarmAt !== null : state.phase !== 'backing-off' || state.alarmAt !== null;
    assert.ok(isDue, `wanted, but not due in ${state.phase}`);
  } else {
    assert.ok(live === 0 || state.phase === 'stopping' || state.byHand, `not wanted, but left alone in ${state.phase}`);
  }
  if (live === 1) assert.notEqual(state.alarmAt, null, `a process in ${state.phase} is held to no time`);
}

test('any sequence of events: one process at most, a wanted agent runs or is due, a stop ends in an exit seen', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(
      fc.constantFrom('running' as const, 'stopped' as const),
      fc.array(fc.tuple(anyEvent, fc.nat(20)), { maxLength: 60 }),
      (wanted, steps) => {
        const world = new World(wanted, { memoryBytes: 100 * MEBIBYTE });
        for (const [kind, choice] of steps) {
          const event = possible(world, kind, choice);
          if (event === null) continue;
          if (event.kind === 'alarm') world.alarm(kind === 'late-alarm' ? CLOCK_GAP_MS + 1 : 0);
          else world.send(event);
          seen.add(world.state.phase);
          holds(world);
        }
        // However it got there: a stop comes to a kill within its deadlines, and the exit to rest.
        world.send({ kind: 'want-stopped' });
        if (world.looking === 1) world.send(none);
        if (world.live === 1) {
          const began = world.now;
          for (let count = 0; count < 3 && !world.effects.includes('kill'); count += 1) world.alarm();
          assert.ok(world.effects.includes('kill'));
          assert.ok(world.now - began <= DEFAULT_SUPERVISION.stopDeadlineMs + TERMINATE_MS + 5_000);
          world.send({ kind: 'exited', exit: { kind: 'signalled', signal: 'SIGKILL' }, words: null });
        }
        if (world.state.phase === 'waiting') world.alarm().send(none);
        assert.deepEqual([world.state.phase, world.live], ['stopped', 0]);
      },
    ),
    { numRuns: 2_000 },
  );
  assert.deepEqual([...seen].sort(), [...PHASES].sort(), 'every phase was reached');
});
