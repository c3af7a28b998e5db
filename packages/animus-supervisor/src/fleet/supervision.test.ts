/** What animus.config.json says of each agent, on processes that live: bounds, and who is disturbed by a change. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { FakeClock } from 'animus-testkit';
import { homePaths } from '../home/paths.ts';
import { Rig } from './fleet.fixture.ts';

const A = 'agent-a';
const B = 'agent-b';

function configure(rig: Rig, config: unknown): void {
  writeFileSync(homePaths(rig.home).config, typeof config === 'string' ? config : JSON.stringify(config));
}

test('a full JavaScript heap is told apart from other crashes, kept and counted', async () => {
  await using rig = await Rig.open([A]);
  configure(rig, { supervisor: { memory_megabytes: 96 } });
  const fleet = rig.fleet();
  await fleet.open();
  await fleet.start(A);
  const died = rig.next((event) => event.kind === 'agent-died');
  (await rig.puppet(A)).do({ do: 'fill-heap' });
  assert.match(JSON.stringify(await died), /"death":"out-of-memory".*heap was full/);
  await rig.puppet(A);
  const [status] = fleet.status().agents;
  assert.deepEqual([status?.restarts, status?.deaths, status?.lastDeath?.kind], [1, { 'out-of-memory': 1 }, 'out-of-memory']);
});

test('one that holds more than it may for longer than the grace is asked to stop and started again; its neighbour is not', async () => {
  await using rig = await Rig.open([A, B]);
  configure(rig, { agents: { a: { memory_megabytes: 200, memory_grace: 10 } } });
  const clock = new FakeClock();
  const fleet = rig.fleet(clock);
  await fleet.open();
  await fleet.all('start');
  const [heavy, neighbour] = [await rig.puppet(A), await rig.puppet(B)];
  for (const puppet of [heavy, neighbour]) await puppet.did({ do: 'hold', megabytes: 300 });
  const told = rig.next((event) => event.kind === 'agent-heavy');
  await clock.advance(5_000);
  assert.match(JSON.stringify(await told), /holds \d+ MB, more than the 200 MB it may/);
  // A sample reads files: the next is due once it has ended.
  const stopping = rig.nextPhase(A, 'stopping');
  const beating = setInterval(() => {
    for (const puppet of [heavy, neighbour]) puppet.do({ do: 'beat' });
    void clock.advance(1_000);
  }, 20);
  await stopping;
  clearInterval(beating);
  await heavy.heard('stop');
  const next = await rig.puppet(A);
  assert.notEqual(next.pid, heavy.pid);
  assert.equal(fleet.status().agents[0]?.lastDeath?.kind, 'memory-limit');
  assert.equal(rig.stage.live(B)[0]?.pid, neighbour.pid);
});

test('a change disturbs only whom it concerns: times while it runs, an environment by a new process, the rest not at all', async () => {
  await using rig = await Rig.open([A, B]);
  configure(rig, {});
  const fleet = rig.fleet();
  await fleet.open();
  await fleet.all('start');
  const [a, b] = [await rig.puppet(A), await rig.puppet(B)];
  const applied = rig.next((event) => event.kind === 'agent-supervision' && event.agent === A);
  configure(rig, { agents: { a: { watchdog: 600 } } });
  assert.deepEqual(await applied, { kind: 'agent-supervision', agent: A, renew: null });
  configure(rig, { agents: { a: { watchdog: 600, environment: { TZ: 'UTC' } } } });
  const next = await rig.puppet(A);
  assert.match(readFileSync(`/proc/${next.pid}/environ`, 'utf8'), /(^|\0)TZ=UTC\0/);
  const broken = rig.next((event) => event.kind === 'config-read' && !event.isUsable);
  configure(rig, '{ "agents": { "a": ');
  await broken;
  assert.match(fleet.status().supervisor.problems.join(), /not JSON/);
  assert.deepEqual([a.pid === next.pid, rig.stage.live(A)[0]?.pid, rig.stage.live(B)[0]?.pid], [false, next.pid, b.pid]);
  assert.equal(fleet.status().agents[0]?.restarts, 0);
  assert.equal(rig.events.filter((event) => 'agent' in event && event.agent === B && event.kind === 'agent-supervision').length, 0);
});

test('an environment that changed while no supervisor ran is met by a new process; what did not is taken over', async () => {
  await using rig = await Rig.open([A, B]);
  configure(rig, {});
  const first = rig.fleet();
  await first.open();
  await first.all('start');
  const [a, b] = [await rig.puppet(A), await rig.puppet(B)];
  await first.close();
  configure(rig, { agents: { a: { environment: { TZ: 'UTC' } } } });
  const second = rig.fleet();
  await second.open();
  assert.notEqual((await rig.puppet(A)).pid, a.pid);
  assert.equal(rig.stage.live(B)[0]?.pid, b.pid);
  assert.equal(rig.stage.mostAtOnce(A), 1);
});

test('a section that cannot be read lets its agent not start without its bounds; the others start', async () => {
  await using rig = await Rig.open([A, B]);
  configure(rig, { agents: { a: { isolation: 'requir' } } });
  const fleet = rig.fleet();
  await fleet.open();
  assert.equal((await fleet.start(B)).ok, true);
  const refused = await fleet.start(A);
  assert.deepEqual([refused.ok, refused.phase], [false, 'broken']);
  assert.match(refused.message, /agents\.a\.isolation = "requir"/);
  configure(rig, {});
  await rig.puppet(A);
});
