import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { FakeClock } from 'animus-testkit';
import { agentPaths, homePaths } from '../home/paths.ts';
import { untilGone } from '../worker/adopt.ts';
import { identify, isAlive } from '../worker/proc.ts';
import { readRecord, recordFiles } from '../worker/record.ts';
import { Rig } from './fleet.fixture.ts';

const A = 'agent-a';
const B = 'agent-b';

test('agents start with the fleet, in a clean environment and a group of their own, and all stop with it', async () => {
  await using rig = await Rig.open([A, B]);
  const fleet = rig.fleet();
  await fleet.open();
  const outcomes = (await fleet.all('start')).agents;
  assert.deepEqual(
    outcomes.map(({ id, ok, phase }) => [id, ok, phase]),
    [
      [A, true, 'ready'],
      [B, true, 'ready'],
    ],
  );
  const puppet = await rig.puppet(A);
  const environment = readFileSync(`/proc/${puppet.pid}/environ`, 'utf8');
  assert.match(environment, new RegExp(`ANIMUS_WORKER_NONCE=${puppet.nonce}`));
  assert.doesNotMatch(environment, /SECRET_OF_THE_SUPERVISOR/);
  // Sent at `ready`; by then the first beat, said in one breath with ready, is here too.
  await puppet.heard('nudge');
  const status = fleet.status();
  assert.equal(status.agents[0]?.pid, puppet.pid);
  assert.equal(status.agents[0]?.beat?.mode, 'echo');
  assert.equal(statSync(agentPaths(rig.home, A).outputLog).mode & 0o777, 0o600);
  const down = await fleet.down();
  assert.deepEqual(down.stopped.sort(), [A, B]);
  await puppet.gone;
  assert.equal(rig.stage.live(B).length, 0);
});

test('a crash is restarted at once, and its way is told', async () => {
  await using rig = await Rig.open([A]);
  const fleet = rig.fleet();
  await fleet.open();
  await fleet.start(A);
  const first = await rig.puppet(A);
  const died = rig.next((event) => event.kind === 'agent-died');
  first.do({ do: 'abort' });
  assert.match(JSON.stringify(await died), /aborted \(SIGABRT/);
  const second = await rig.puppet(A);
  assert.notEqual(second.pid, first.pid);
  assert.equal((await fleet.start(A)).pid, second.pid);
  const [status] = fleet.status().agents;
  assert.equal(status?.restarts, 1);
  assert.match(status?.reason ?? '', /last death: aborted/);
  assert.equal(rig.stage.mostAtOnce(A), 1);
});

test('a crash loop waits longer each time, and a person cuts the wait short', async () => {
  await using rig = await Rig.open([A], false);
  const clock = new FakeClock();
  const fleet = rig.fleet(clock);
  await fleet.open();
  const crash = async (): Promise<void> => {
    const puppet = await rig.puppet(A);
    const died = rig.next((event) => event.kind === 'agent-died');
    puppet.do({ do: 'exit', code: 1 });
    await died;
  };
  await crash();
  for (const pauseMs of [500, 1_000, 2_000]) {
    await crash();
    assert.equal(fleet.status().agents[0]?.phase, 'backing-off');
    await clock.advance(pauseMs - 1);
    assert.equal(fleet.status().agents[0]?.phase, 'backing-off');
    await clock.advance(1);
  }
  await crash();
  const started = fleet.start(A);
  (await rig.puppet(A)).do({ do: 'ready' });
  assert.equal((await started).ok, true);
  assert.equal(rig.stage.mostAtOnce(A), 1);
});

test('exit 78 is broken with what Broca said, until its files change', async () => {
  await using rig = await Rig.open([A], false);
  const fleet = rig.fleet();
  await fleet.open();
  const puppet = await rig.puppet(A);
  const started = fleet.start(A);
  puppet.do({ do: 'print', text: '.env: AGENT_API_KEY: missing\n' });
  puppet.do({ do: 'exit', code: 78 });
  const outcome = await started;
  assert.deepEqual([outcome.ok, outcome.phase], [false, 'broken']);
  assert.match(outcome.message, /AGENT_API_KEY: missing/);
  writeFileSync(agentPaths(rig.home, A).environment, 'AGENT_API_KEY=x\n');
  const ready = rig.nextPhase(A, 'ready');
  (await rig.puppet(A)).do({ do: 'ready' });
  await ready;
});

test('a stop that is not obeyed goes on to SIGTERM and SIGKILL; grandchildren go too; it stays stopped', async () => {
  await using rig = await Rig.open([A]);
  const clock = new FakeClock();
  const fleet = rig.fleet(clock);
  await fleet.open();
  await fleet.start(A);
  const puppet = await rig.puppet(A);
  const grandchild = identify(await puppet.startGrandchild());
  await puppet.did({ do: 'ignore-stop' });
  await puppet.did({ do: 'ignore-sigterm' });
  const stopped = fleet.stop(A);
  assert.deepEqual(await puppet.heard('stop'), { type: 'stop', deadlineMs: 30_000 });
  await clock.advance(30_000);
  assert.equal(fleet.status().agents[0]?.phase, 'stopping');
  await clock.advance(3_000);
  assert.deepEqual([(await stopped).ok, (await stopped).phase], [true, 'stopped']);
  assert.equal(isAlive(grandchild), false);
  await fleet.close();

  const next = rig.fleet();
  await next.open();
  assert.deepEqual([next.status().agents[0]?.phase, next.status().agents[0]?.wanted], ['stopped', 'stopped']);
});

test('what a crashed Broca left in its group is ended before the next starts', async () => {
  await using rig = await Rig.open([A]);
  const fleet = rig.fleet();
  await fleet.open();
  await fleet.start(A);
  const puppet = await rig.puppet(A);
  const grandchild = identify(await puppet.startGrandchild());
  process.kill(puppet.pid, 'SIGKILL');
  await rig.puppet(A);
  assert.equal(isAlive(grandchild), false);
});

test('a hung Broca is killed when the watchdog says so, and restarted', async () => {
  await using rig = await Rig.open([A]);
  const clock = new FakeClock();
  const fleet = rig.fleet(clock);
  await fleet.open();
  await fleet.start(A);
  const hung = await rig.puppet(A);
  // Its first beat is in by then, and no other follows.
  await hung.heard('nudge');
  hung.do({ do: 'hang' });
  await clock.advance(15_000);
  assert.equal(fleet.status().agents[0]?.phase, 'unhealthy');
  await clock.advance(15_000);
  const next = await rig.puppet(A);
  assert.notEqual(next.pid, hung.pid);
  assert.match(fleet.status().agents[0]?.reason ?? '', /silent for 30 s/);
});

test('all stop at the same time', async () => {
  const agents = ['agent-1', 'agent-2', 'agent-3'] as const;
  await using rig = await Rig.open(agents);
  const fleet = rig.fleet();
  await fleet.open();
  await fleet.all('start');
  const puppets = await Promise.all(agents.map((agent) => rig.puppet(agent)));
  for (const puppet of puppets) await puppet.did({ do: 'ignore-stop' });
  const down = fleet.down();
  // Each has heard it while none has ended: one after the other would wait for the first.
  await Promise.all(puppets.map((puppet) => puppet.heard('stop')));
  assert.equal(agents.flatMap((agent) => rig.stage.live(agent)).length, 3);
  for (const puppet of puppets) puppet.do({ do: 'exit', code: 0 });
  assert.equal((await down).stopped.length, 3);
});

test('a file in an inbox is a nudge, a changed setting a reload', async () => {
  await using rig = await Rig.open([A]);
  writeFileSync(agentPaths(rig.home, A).settings, '{}');
  const fleet = rig.fleet();
  await fleet.open();
  await fleet.start(A);
  const puppet = await rig.puppet(A);
  // The first one says that the link stands anew; the second is of the file.
  await puppet.heard('nudge');
  writeFileSync(path.join(agentPaths(rig.home, A).inbox, 'one.json'), '{}');
  assert.deepEqual(await puppet.heard('nudge'), { type: 'nudge', channel: 'spool' });
  writeFileSync(agentPaths(rig.home, A).settings, '{"message_processing":{"mode":"echo"}}');
  assert.deepEqual(await puppet.heard('reload'), { type: 'reload' });
  // It may answer by starting anew, which is no death.
  puppet.do({ do: 'leave', reason: 'changed: endpoint' });
  await rig.puppet(A);
  assert.equal(fleet.status().agents[0]?.restarts, 0);
});

test('two agents with one Telegram identity: the one that runs keeps it', async () => {
  await using rig = await Rig.open([B]);
  const token = 'TELEGRAM_BOT_TOKEN=123456:abcdefgh\n';
  writeFileSync(agentPaths(rig.home, B).environment, token);
  const fleet = rig.fleet();
  await fleet.open();
  await fleet.start(B);
  rig.furnish(A);
  writeFileSync(agentPaths(rig.home, A).environment, token);
  fleet.rescan();
  const outcome = await fleet.start(A);
  assert.equal(outcome.phase, 'broken');
  assert.match(outcome.message, /same Telegram identity as agent-b/);
  assert.doesNotMatch(outcome.message, /abcdefgh/);
  assert.equal(fleet.status().agents[1]?.phase, 'ready');
});

test('a folder that was copied with its Telegram session does not start beside the other', async () => {
  await using rig = await Rig.open([A, B]);
  for (const agent of [A, B] as const) {
    mkdirSync(path.join(agentPaths(rig.home, agent).folder, 'run'), { recursive: true });
    writeFileSync(path.join(agentPaths(rig.home, agent).folder, 'run/telegram.session'), '{"session":"1abc","account":{"id":"42"}}');
  }
  const fleet = rig.fleet();
  await fleet.open();
  await fleet.start(A);
  const outcome = await fleet.start(B);
  assert.equal(outcome.phase, 'broken');
  assert.match(outcome.message, /same Telegram identity as agent-a/);
});

test('the next supervisor takes over what runs, counters and all; nothing is doubled', async () => {
  await using rig = await Rig.open([A, B]);
  const first = rig.fleet();
  await first.open();
  await first.all('start');
  const a = await rig.puppet(A);
  (await rig.puppet(B)).do({ do: 'exit', code: 3 });
  const b = await rig.puppet(B);
  await first.start(B);
  await first.close();

  const second = rig.fleet();
  await second.open();
  const outcomes = (await second.all('start')).agents;
  assert.deepEqual(
    outcomes.map(({ pid }) => pid),
    [a.pid, b.pid],
  );
  assert.equal(second.status().agents[1]?.restarts, 1);
  assert.deepEqual([rig.stage.mostAtOnce(A), rig.stage.mostAtOnce(B)], [1, 1]);
  // The death that the first one saw counts: the second in a row is not started again at once.
  const paused = rig.nextPhase(B, 'backing-off');
  b.do({ do: 'exit', code: 3 });
  await paused;
  // An adopted one is no child: its death is seen all the same, and how.
  const died = rig.next((event) => event.kind === 'agent-died' && event.agent === A);
  a.do({ do: 'exit', code: 4 });
  assert.match(JSON.stringify(await died), /exited with code 4/);
  await rig.puppet(A);
  assert.equal((await second.stop(B)).ok, true);
  await b.gone;
});

test('a Broca that died while nobody watched is started, and how it died is known', async () => {
  await using rig = await Rig.open([A]);
  const first = rig.fleet();
  await first.open();
  await first.start(A);
  const puppet = await rig.puppet(A);
  await first.close();
  puppet.do({ do: 'exit', code: 9 });
  await puppet.gone;
  const shim = readRecord(recordFiles(homePaths(rig.home).runAgents, A))?.run?.shim;
  assert.ok(shim);
  assert.equal(await untilGone(shim, new AbortController().signal), true);
  const second = rig.fleet();
  await second.open();
  assert.equal((await second.start(A)).ok, true);
  const [status] = second.status().agents;
  assert.equal(status?.restarts, 1);
  assert.match(status?.reason ?? '', /exited with code 9/);
});

test('a supervisor that died between intent and pid: its Broca is found by the nonce', async () => {
  await using rig = await Rig.open([A]);
  const first = rig.fleet();
  await first.open();
  await first.start(A);
  const puppet = await rig.puppet(A);
  await first.close();
  const file = path.join(homePaths(rig.home).runAgents, `${A}.json`);
  const record = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...record, run: { ...record.run, shim: null } }));
  rmSync(agentPaths(rig.home, A).socket);
  const second = rig.fleet();
  await second.open();
  assert.match(JSON.stringify(rig.events.at(-1)), /starting/);
  assert.equal(rig.stage.live(A).length, 1);
  assert.equal(rig.stage.live(A)[0]?.pid, puppet.pid);
});

test('a stopped process (SIGSTOP) is taken over as what it is, then killed for its silence', async () => {
  await using rig = await Rig.open([A]);
  const first = rig.fleet();
  await first.open();
  await first.start(A);
  const puppet = await rig.puppet(A);
  await first.close();
  process.kill(puppet.pid, 'SIGSTOP');
  const clock = new FakeClock();
  const second = rig.fleet(clock);
  await second.open();
  assert.equal(rig.stage.live(A).length, 1);
  await clock.advance(30_000);
  const next = await rig.puppet(A);
  assert.notEqual(next.pid, puppet.pid);
  assert.equal(rig.stage.mostAtOnce(A), 1);
});

test('a pid that another process has now is nobody of ours', async () => {
  await using rig = await Rig.open([A]);
  const { pid, startTicks, bootId } = identify(process.pid);
  mkdirSync(homePaths(rig.home).runAgents, { recursive: true });
  const shim = { pid, startTicks: (startTicks ?? 0) - 1, bootId };
  const record = { wanted: 'running', restarts: 0, lastDeath: null, run: { nonce: 'x', shim, startedAt: 0 } };
  writeFileSync(path.join(homePaths(rig.home).runAgents, `${A}.json`), JSON.stringify(record));
  const fleet = rig.fleet();
  await fleet.open();
  assert.equal((await fleet.start(A)).pid, (await rig.puppet(A)).pid);
  assert.equal(fleet.status().agents[0]?.restarts, 1);
});

test('who answers, but says not who it is, is neither killed nor doubled', async () => {
  await using rig = await Rig.open([A]);
  const { socket } = agentPaths(rig.home, A);
  const silent = createServer((socket) => socket.resume());
  await new Promise<void>((resolve) => silent.listen(socket, resolve));
  const fleet = rig.fleet();
  await fleet.open();
  const outcome = await fleet.start(A);
  assert.equal(outcome.ok, false);
  assert.match(outcome.message, /does not say hello/);
  assert.equal(rig.stage.live(A).length, 0);
  await new Promise((resolve) => silent.close(resolve));
  assert.equal((await fleet.start(A)).ok, true);
});

test('one that was started by hand is shown and not doubled', async () => {
  await using rig = await Rig.open([A]);
  const first = rig.fleet();
  await first.open();
  await first.start(A);
  const puppet = await rig.puppet(A);
  await first.close();
  // Without a record it is a Broca that answers and nobody knows of.
  rmSync(path.join(homePaths(rig.home).runAgents, `${A}.json`));
  const second = rig.fleet();
  await second.open();
  assert.equal((await second.start(A)).pid, puppet.pid);
  assert.equal(second.status().agents[0]?.startedByHand, true);
  assert.deepEqual((await second.down()).stopped, []);
  assert.equal(rig.stage.live(A).length, 1);
});

for (const [age, protocol] of [
  ['an older', 0],
  ['a newer', 99],
] as const) {
  test(`a Broca of ${age} version is taken over and supervised by what is frozen alone`, async () => {
    await using rig = await Rig.open([A]);
    rig.stage.furnish(path.join(rig.home, A), { isReady: true, protocol });
    const first = rig.fleet();
    await first.open();
    await first.start(A);
    const puppet = await rig.puppet(A);
    await first.close();
    const second = rig.fleet();
    await second.open();
    assert.deepEqual([(await second.start(A)).ok, second.status().agents[0]?.pid], [true, puppet.pid]);
    // Which of its agents run another release is for a person to see.
    const { phase, version, beat } = second.status().agents[0] ?? {};
    assert.deepEqual([phase, version, beat?.mode], ['ready', `${protocol}.0.0`, 'echo']);
    // Neither a nudge, said at ready, nor a reload came: a stop is the first that is heard.
    writeFileSync(agentPaths(rig.home, A).settings, '{}');
    await puppet.did({ do: 'beat' });
    assert.equal((await second.stop(A)).ok, true);
    assert.deepEqual(
      (await puppet.heardAll()).map(({ type }) => type),
      ['stop'],
    );
    // Started by this one, its death is seen and it is started again.
    await second.start(A);
    const third = await rig.puppet(A);
    third.do({ do: 'exit', code: 3 });
    await rig.puppet(A);
    assert.deepEqual([(await second.start(A)).ok, second.status().agents[0]?.lastDeath?.how], [true, 'exited with code 3']);
  });
}
