import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_SUPERVISION, type Supervision } from 'animus-protocol';
import type { Death, Exit } from './death.ts';
import { CLOCK_GAP_MS } from './moves.ts';
import { step } from './step.ts';
import { died, MEBIBYTE, none, World } from './world.fixture.ts';

const ready = (supervision: Partial<Supervision> = {}): World =>
  new World('running', supervision).send(none).send({ kind: 'hello' }).send({ kind: 'ready' });

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

test('the cause of a death is told apart and noted once', () => {
  const rows: [string, World, Exit, Death['kind'], RegExp][] = [
    ['its own exit', ready(), { kind: 'exited', code: 1 }, 'code', /code 1/],
    ['a signal', ready(), { kind: 'signalled', signal: 'SIGSEGV' }, 'signal', /SIGSEGV/],
    ['a full heap', ready(), { kind: 'out-of-memory', by: 'heap' }, 'out-of-memory', /heap was full/],
    ['the kernel', ready(), { kind: 'out-of-memory', by: 'kernel' }, 'out-of-memory', /kernel/],
    ['silence', ready().alarm().alarm(), { kind: 'signalled', signal: 'SIGKILL' }, 'watchdog', /silent for 30 s/],
    ['never ready', new World().send(none).alarm(), { kind: 'signalled', signal: 'SIGKILL' }, 'not-ready', /did not become ready/],
    ['refused', new World().send(none), { kind: 'exited', code: 78 }, 'code', /code 78/],
  ];
  for (const [what, world, exit, kind, how] of rows) {
    world.send({ kind: 'exited', exit, words: null });
    assert.equal(world.deaths.length, 1, what);
    assert.equal(world.deaths[0]?.kind, kind, what);
    assert.match(world.deaths[0]?.how ?? '', how, what);
  }
  const unseen = new World().send({ kind: 'none-found', last: { kind: 'signalled', signal: 'SIGKILL' } });
  assert.deepEqual(
    unseen.deaths.map(({ kind }) => kind),
    ['signal'],
  );
});

test('deaths that a former supervisor saw go on to count, one that nobody saw among them, until they are forgiven', () => {
  const seen = [-30_000, -20_000, -10_000];
  const pauseOf = ({ state, now }: World): number => (state.alarmAt ?? now) - now;
  const unseen = new World('running', {}, seen).send({ kind: 'none-found', last: { kind: 'unknown' } });
  assert.deepEqual([unseen.state.phase, pauseOf(unseen), unseen.state.deaths.length], ['backing-off', 2_000, 4]);
  const again = new World('running', {}, seen).send(none).send(died());
  assert.deepEqual([again.state.phase, pauseOf(again)], ['backing-off', 2_000]);
  // Health makes them forgotten as soon as it has lasted, which a later supervisor must know too.
  const well = new World('running', {}, seen).send(none).send({ kind: 'hello' }).send({ kind: 'ready' });
  well.now = 59_000;
  assert.equal(well.send({ kind: 'beat' }).state.deaths.length, 3);
  well.now = 60_000;
  assert.deepEqual(well.send({ kind: 'beat' }).state.deaths, []);
});

test('what we stopped is no death, however it ended; a person is told when it did not stop as it should', () => {
  const stopped = ready()
    .send({ kind: 'want-stopped' })
    .send({ kind: 'exited', exit: { kind: 'signalled', signal: 'SIGSEGV' }, words: null });
  assert.deepEqual([stopped.deaths, stopped.state.restarts], [[], 0]);
  assert.match(stopped.state.reason ?? '', /SIGSEGV while it was stopping/);
  const killed = ready().send({ kind: 'want-stopped' }).alarm().alarm();
  killed.send({ kind: 'exited', exit: { kind: 'signalled', signal: 'SIGKILL' }, words: null });
  assert.deepEqual([killed.deaths, killed.state.reason], [[], 'did not stop in time and was killed']);
  const clean = ready().send({ kind: 'want-stopped' }).send(died(0));
  assert.deepEqual([clean.deaths, clean.state.reason], [[], null]);
});

test('silence says what the kernel says of it', () => {
  const world = ready();
  world.now = world.state.alarmAt ?? 0;
  world.send({ kind: 'alarm', sign: 'stopped' });
  assert.match(world.state.reason ?? '', /silent for 15 s: a signal had stopped it/);
  world.now = world.state.alarmAt ?? 0;
  world.send({ kind: 'alarm', sign: 'busy' });
  assert.match(world.state.reason ?? '', /was killed: its event loop is blocked/);
});

test('more memory than it may have: told at once, stopped in good order after the grace, restarted; falling below ends it', () => {
  const world = ready({ memoryBytes: 100 * MEBIBYTE, memoryGraceMs: 30_000 });
  const hold = (megabytes: number): World => world.send({ kind: 'memory', bytes: megabytes * MEBIBYTE });
  assert.deepEqual([hold(120).state.phase, world.state.reason], ['ready', 'holds 120 MB, more than the 100 MB it may']);
  world.now += 29_000;
  world.send({ kind: 'beat' });
  assert.equal(hold(90).state.reason, null);
  world.now += 10_000;
  assert.deepEqual(hold(120).effects, [], 'the grace begins anew');
  world.now += 30_000;
  assert.deepEqual(hold(120).effects, ['ask-stop']);
  assert.deepEqual(world.send(died(0)).effects, ['note-death', 'spawn']);
  assert.deepEqual([world.deaths[0]?.kind, world.state.restarts], ['memory-limit', 1]);
  assert.equal(ready().send({ kind: 'memory', bytes: 1e12 }).state.reason, null, 'without a bound');
  const byHand = new World('running', { memoryBytes: 1, memoryGraceMs: 0 }).send({ kind: 'found', byHand: true });
  assert.deepEqual(byHand.send({ kind: 'memory', bytes: 2 }).effects, []);
});

test('other rules: new times at once, a new process only where one is needed, and never for one that is stopped', () => {
  const world = ready();
  world.supervision = { ...DEFAULT_SUPERVISION, watchdogMs: 600_000 };
  assert.equal(world.send({ kind: 'supervision', renew: null }).state.alarmAt, 300_000);
  assert.deepEqual(world.send({ kind: 'supervision', renew: 'its environment changed' }).effects, ['ask-stop']);
  assert.deepEqual(world.send(died(0)).effects, ['spawn']);
  assert.deepEqual([world.deaths, world.state.restarts], [[], 0]);
  const stopped = ready().send({ kind: 'want-stopped' }).send(died(0));
  assert.deepEqual(stopped.send({ kind: 'supervision', renew: 'its environment changed' }).effects, []);
  assert.equal(stopped.state.phase, 'stopped');
  const pausing = ready().send(died()).send(died());
  pausing.state = { ...pausing.state, alarmAt: 60_000 };
  pausing.supervision = { ...DEFAULT_SUPERVISION, restart: { ...DEFAULT_SUPERVISION.restart, longestPauseMs: 1_000 } };
  assert.equal(pausing.send({ kind: 'supervision', renew: null }).state.alarmAt, 1_000);
});

test('who may give up is left down with the reason, until its files change', () => {
  const world = ready({ restart: { ...DEFAULT_SUPERVISION.restart, giveUpAfter: 2 } }).send(died());
  world.send(died());
  assert.deepEqual([world.state.phase, world.state.alarmAt], ['broken', null]);
  assert.match(world.state.reason ?? '', /after 2 deaths within 600 s .* exited with code 1/);
  assert.deepEqual(world.send({ kind: 'files', fault: null }).effects, ['look']);
  assert.equal(world.send(none).send(died()).state.phase, 'starting', 'it may die as often again');
});
