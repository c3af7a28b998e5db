import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_SUPERVISION, PHASES } from 'animus-protocol';
import fc from 'fast-check';
import { type Effect, type EventKind, hasProcess, type WorkerEvent, type WorkerState } from './state.ts';
import { CLOCK_GAP_MS, firstState, step, TERMINATE_MS } from './step.ts';

/** Plays an agent's world around the table: processes that live and die, looks that are answered, time. */
class World {
  state: WorkerState;
  now = 0;
  live = 0;
  looking = 0;
  effects: Effect['kind'][] = [];

  constructor(wanted: 'running' | 'stopped' = 'running') {
    const first = firstState(wanted, 0);
    this.state = first.state;
    for (const effect of first.effects) this.#perform(effect);
  }

  send(event: WorkerEvent): this {
    if (event.kind === 'exited') this.live -= 1;
    if (event.kind === 'found') this.live += 1;
    if (event.kind === 'spawn-failed') this.live -= 1;
    if (event.kind === 'found' || event.kind === 'none-found' || event.kind === 'unsure') this.looking = 0;
    const next = step(this.state, event, { now: this.now, random: 0, supervision: DEFAULT_SUPERVISION });
    this.state = next.state;
    this.effects = [];
    for (const effect of next.effects) this.#perform(effect);
    return this;
  }

  alarm(lateMs = 0): this {
    assert.ok(this.state.alarmAt !== null, `an alarm is set in ${this.state.phase}`);
    this.now = Math.max(this.now, this.state.alarmAt) + lateMs;
    return this.send({ kind: 'alarm' });
  }

  #perform(effect: Effect): void {
    this.effects.push(effect.kind);
    if (effect.kind === 'spawn') this.live += 1;
    if (effect.kind === 'look') this.looking = 1;
  }
}

const none = { kind: 'none-found', last: null } as const;
const died = (code = 1): WorkerEvent => ({
  kind: 'exited',
  exit: { kind: 'exited', code },
  words: code === 78 ? '.env: AGENT_ID: missing' : null,
});
const ready = (): World => new World().send(none).send({ kind: 'hello' }).send({ kind: 'ready' });

test('a new agent: looks, starts, is ready', () => {
  const world = new World();
  assert.equal(world.state.phase, 'waiting');
  assert.deepEqual(world.send(none).effects, ['spawn']);
  assert.equal(world.send({ kind: 'hello' }).send({ kind: 'ready' }).state.phase, 'ready');
});

test('one that runs is taken over, not doubled', () => {
  const world = new World().send({ kind: 'found', byHand: false });
  assert.deepEqual(world.effects, []);
  assert.equal(world.send({ kind: 'hello' }).send({ kind: 'ready' }).state.phase, 'ready');
  assert.equal(world.live, 1);
});

test('one that runs though it was stopped is stopped, unless a person started it', () => {
  const ours = new World('stopped').send({ kind: 'found', byHand: false });
  assert.equal(ours.state.phase, 'stopping');
  const theirs = new World('stopped').send({ kind: 'found', byHand: true }).send({ kind: 'hello' }).send({ kind: 'ready' });
  assert.equal(theirs.state.phase, 'ready');
  assert.equal(theirs.send({ kind: 'want-stopped' }).effects[0], 'ask-stop');
});

test('nobody is started while nobody can tell who runs; it is asked again', () => {
  const world = new World().send({ kind: 'unsure', reason: 'silent' });
  assert.equal(world.state.phase, 'waiting');
  assert.deepEqual(world.alarm().effects, ['look']);
  world.send({ kind: 'unsure', reason: 'silent' });
  assert.deepEqual(world.send({ kind: 'want-running' }).effects, ['look'], 'a person asks: at once');
  assert.deepEqual(world.send({ kind: 'want-running' }).effects, [], 'it is being asked already');
});

test('a death: restarted at once, then after pauses; the counter says it', () => {
  const world = ready().send(died());
  assert.deepEqual([world.state.phase, world.state.restarts], ['starting', 1]);
  assert.match(world.state.reason ?? '', /code 1/);
  world.send(died());
  assert.deepEqual([world.state.phase, (world.state.alarmAt ?? 0) - world.now], ['backing-off', 500]);
  assert.deepEqual(world.alarm().effects, ['look']);
  assert.deepEqual(world.send(none).effects, ['spawn']);
});

test('health of a minute forgives earlier deaths', () => {
  const world = ready().send(died()).send({ kind: 'hello' }).send({ kind: 'ready' });
  world.now += 60_000;
  assert.equal(world.send(died()).state.phase, 'starting');
});

test('exit 78 is broken with its words until files change or a person starts it', () => {
  const world = new World().send(none).send(died(78));
  assert.deepEqual([world.state.phase, world.state.reason], ['broken', '.env: AGENT_ID: missing']);
  assert.equal(world.state.alarmAt, null);
  assert.equal(
    step(world.state, { kind: 'files', fault: null }, { now: 0, random: 0, supervision: DEFAULT_SUPERVISION }).state.phase,
    'waiting',
  );
  assert.deepEqual(world.send({ kind: 'want-running' }).effects, ['look']);
});

test('without a release it is broken until its files change; a spawn that fails otherwise is tried again', () => {
  const world = new World().send({ kind: 'none-found', last: null });
  assert.equal(
    new World().send({ kind: 'none-found', last: null }).send({ kind: 'spawn-failed', reason: 'no fork', isLasting: false }).state.phase,
    'starting',
  );
  world.send({ kind: 'spawn-failed', reason: 'no release', isLasting: true });
  assert.deepEqual([world.state.phase, world.state.reason, world.state.alarmAt], ['broken', 'no release', null]);
  assert.deepEqual(world.send({ kind: 'files', fault: null }).effects, ['look']);
});

test('a fault of its files forbids a start and is the reason; a running one goes on', () => {
  const world = new World().send({ kind: 'files', fault: 'a copy' }).send(none);
  assert.deepEqual([world.state.phase, world.state.reason, world.live], ['broken', 'a copy', 0]);
  assert.equal(ready().send({ kind: 'files', fault: 'a copy' }).state.phase, 'ready');
});

test('a stop asks, then terminates, then kills, and again; only the exit ends it', () => {
  const world = ready().send({ kind: 'want-stopped' });
  const steps = [world.effects];
  const asked = world.state.alarmAt;
  for (let count = 0; count < 3; count += 1) steps.push(world.alarm().effects);
  assert.deepEqual(steps, [['ask-stop'], ['terminate'], ['kill'], ['kill']]);
  assert.equal(asked, DEFAULT_SUPERVISION.stopDeadlineMs);
  assert.equal(world.state.phase, 'stopping');
  assert.equal(world.send(died(137)).state.phase, 'stopped');
  assert.equal(world.state.restarts, 0);
});

test('a Broca without a link is terminated, not asked', () => {
  assert.deepEqual(new World().send(none).send({ kind: 'want-stopped' }).effects, ['terminate']);
});

test('a restart starts again at the exit and counts as no death', () => {
  const world = ready().send({ kind: 'restart', reason: 'asked' });
  assert.deepEqual(world.effects, ['ask-stop']);
  world.send(died(0));
  assert.deepEqual([world.state.phase, world.state.restarts, world.effects], ['starting', 0, ['spawn']]);
});

test('one that leaves by itself to start anew is no death, but is not let loop', () => {
  const world = ready().send({ kind: 'leaving', reason: 'changed: apiKey' }).send(died(0));
  assert.deepEqual([world.state.phase, world.state.restarts], ['starting', 0]);
  world.send({ kind: 'leaving', reason: 'changed: apiKey' }).send(died(0));
  assert.equal(world.state.phase, 'backing-off');
});

test('silence: unhealthy at half the watchdog, killed at the whole, restarted at the exit', () => {
  const world = ready();
  assert.equal(world.alarm().state.phase, 'unhealthy');
  assert.equal(world.now, DEFAULT_SUPERVISION.watchdogMs / 2);
  assert.deepEqual(world.alarm().effects, ['kill']);
  assert.equal(world.now, DEFAULT_SUPERVISION.watchdogMs);
  world.send({ kind: 'exited', exit: { kind: 'signalled', signal: 'SIGKILL' }, words: null });
  assert.deepEqual([world.state.phase, world.state.restarts], ['starting', 1]);
  assert.match(world.state.reason ?? '', /silent for 30 s/);
});

test('beats keep it ready and make it ready again', () => {
  const world = ready();
  for (let count = 0; count < 100; count += 1) {
    world.now += 14_000;
    assert.equal(world.send({ kind: 'beat' }).state.phase, 'ready');
  }
  assert.equal(world.alarm().state.phase, 'unhealthy');
  assert.equal(world.send({ kind: 'beat' }).state.phase, 'ready');
});

test('a lost link is a question: the last beat still counts, a new link answers', () => {
  const world = ready().send({ kind: 'link-lost', reason: 'lost' });
  assert.deepEqual([world.state.phase, world.state.alarmAt], ['unhealthy', DEFAULT_SUPERVISION.watchdogMs]);
  assert.equal(world.send({ kind: 'hello' }).send({ kind: 'ready' }).state.phase, 'ready');
});

test('silence proves nothing after this process itself slept', () => {
  const world = ready().alarm(CLOCK_GAP_MS + 1);
  assert.equal(world.state.phase, 'ready');
  const unhealthy = ready().alarm().alarm(3_600_000);
  assert.deepEqual([unhealthy.state.phase, unhealthy.effects], ['unhealthy', []]);
});

test('one that was started by hand is never killed for its silence', () => {
  const world = new World().send({ kind: 'found', byHand: true }).send({ kind: 'hello' }).send({ kind: 'ready' });
  for (let count = 0; count < 5; count += 1) assert.ok(!world.alarm().effects.includes('kill'));
  assert.equal(world.state.phase, 'unhealthy');
});

test('one that does not become ready is killed and counts as dead; beats on the way extend its time', () => {
  const world = new World().send(none);
  world.now += 59_000;
  world.send({ kind: 'beat' });
  assert.equal(world.state.alarmAt, 59_000 + DEFAULT_SUPERVISION.watchdogMs);
  assert.deepEqual(world.alarm().effects, ['kill']);
  assert.equal(world.send(died(137)).state.restarts, 1);
});

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
    case 'exited':
      return world.live === 1 ? died([0, 1, 78, 137][choice % 4]) : null;
    case 'alarm':
    case 'late-alarm':
      return world.state.alarmAt === null ? null : { kind: 'alarm' };
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
        const world = new World(wanted);
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
