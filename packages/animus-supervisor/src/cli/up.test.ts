import assert from 'node:assert/strict';
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { makeRig, type Rig, snapshotRepository } from 'animus-testkit';
import { agentPaths, homePaths } from '../home/paths.ts';
import { readProcessStat } from '../worker/proc.ts';

const ROOT = path.join(import.meta.dirname, '../../../..');

type Status = { supervisor: { pid: number }; agents: { id: string; phase: string; pid: number | null }[] };

/** A home whose agents answer by themselves (mode echo), so that no Letta is needed. */
async function makeHome(): Promise<Rig> {
  const rig = makeRig(path.join(import.meta.dirname, 'main.ts'));
  assert.equal((await rig.animus(['init'])).code, 0);
  const config = { broca: { repository: snapshotRepository(ROOT) }, defaults: { message_processing: { mode: 'echo' } } };
  fs.writeFileSync(homePaths(rig.home).config, JSON.stringify(config));
  return rig;
}

async function deploy(rig: Rig, ...words: string[]): Promise<void> {
  const ran = await rig.animus(['deploy', ...words, '--no-check'], { environment: { ANIMUS_AGENT_KEY: 'key-0123456789' } });
  assert.equal(ran.code, 0, ran.stderr);
}

async function status(rig: Rig): Promise<Status> {
  const ran = await rig.animus(['status', '--json']);
  assert.equal(ran.code, 0, ran.stderr);
  return JSON.parse(ran.stdout);
}

/** A zombie is dead: who reaps orphans here is not ours to say. */
function isAlive(pid: number): boolean {
  const stat = readProcessStat(pid);
  return stat !== null && stat.state !== 'Z';
}

describe('a fleet in the background', () => {
  it('comes up, takes a new agent, is steered, talks, and goes down', async () => {
    await using rig = await makeHome();
    await deploy(rig, 'one', 'http://127.0.0.1:9');
    const up = await rig.animus(['up', '-d']);
    assert.equal(up.code, 0, up.stdout + up.stderr);
    assert.match(up.stdout, /✓ agent-one: ready/);
    await deploy(rig, 'two', 'http://127.0.0.1:9');
    await deploy(rig, 'three', 'http://127.0.0.1:9', '--no-start');
    const before = await status(rig);
    assert.deepEqual(
      before.agents.map(({ id, phase }) => [id, phase]),
      [
        ['agent-one', 'ready'],
        ['agent-three', 'stopped'],
        ['agent-two', 'ready'],
      ],
    );

    const reply = await rig.animus(['send', 'one', 'good morning', '--timeout', '20']);
    assert.equal(reply.code, 0, reply.stderr);
    assert.match(reply.stdout, /good morning/);

    assert.match((await rig.animus(['up', '-d'])).stdout, new RegExp(`supervisor runs \\(pid ${before.supervisor.pid}\\)`));
    assert.equal((await rig.animus(['restart', 'two'])).code, 0);
    const stopped = await rig.animus(['stop', 'one', '--json']);
    assert.equal(stopped.code, 0, stopped.stderr);
    assert.equal(isAlive(before.agents[0]?.pid ?? 0), false);
    assert.equal((await rig.animus(['stop'])).code, 2);
    assert.equal((await rig.animus(['start', 'nobody'])).code, 1);

    const health: { ok: boolean; agents: { id: string; ok: boolean; process: { phase: string } }[] } = JSON.parse(
      (await rig.animus(['health', '--json'])).stdout,
    );
    assert.deepEqual(
      health.agents.map(({ id, process }) => [id, process.phase]),
      [
        ['agent-one', 'stopped'],
        ['agent-three', 'stopped'],
        ['agent-two', 'ready'],
      ],
    );

    const removed = await rig.animus(['remove', 'two', '--yes']);
    assert.equal(removed.code, 0, removed.stderr);
    assert.deepEqual(
      (await status(rig)).agents.map(({ id }) => id),
      ['agent-one', 'agent-three'],
    );

    const down = await rig.animus(['down']);
    assert.equal(down.code, 0, down.stderr);
    assert.equal(isAlive(before.supervisor.pid), false);
    assert.equal(fs.existsSync(homePaths(rig.home).socket), false);
    assert.equal((await rig.animus(['status'])).code, 3);
  });
});

describe('a fleet whose supervisor was killed', () => {
  it('is seen and stopped without one; what runs by hand is shown, left alone by down, and stopped by name', async () => {
    await using rig = await makeHome();
    await deploy(rig, 'one', 'http://127.0.0.1:9');
    await deploy(rig, 'two', 'http://127.0.0.1:9', '--no-start');
    assert.equal((await rig.animus(['up', '-d'])).code, 0);
    const { agents, supervisor } = await status(rig);

    const two = agentPaths(rig.home, 'agent-two');
    const byHand = spawn(process.execPath, [two.program, 'run'], { cwd: two.folder, stdio: 'ignore' });
    const ended = once(byHand, 'exit');
    try {
      const isReady = async (): Promise<boolean> => (await status(rig)).agents[1]?.phase === 'ready';
      while (byHand.exitCode === null && !(await isReady()));
      assert.equal((await status(rig)).agents[1]?.pid, byHand.pid);
      assert.match((await rig.animus(['health', 'two'])).stdout, /ready, pid \d+, .*started by hand/);

      process.kill(supervisor.pid, 'SIGKILL');
      assert.match((await rig.animus(['ls'])).stdout, /agent-one .* ready$/m);
      const down = await rig.animus(['down']);
      assert.equal(down.code, 0, down.stderr);
      assert.match(down.stdout, /^stopped agent-one; no supervisor was running$/m);
      assert.match(down.stderr, /agent-two runs by hand and is left running/);
      assert.equal(isAlive(agents[0]?.pid ?? 0), false);
      assert.equal(byHand.exitCode, null);

      const stopped = await rig.animus(['stop', 'two']);
      assert.equal(stopped.code, 0, stopped.stderr);
      assert.deepEqual(await ended, [0, null]);
      const again = await rig.animus(['down']);
      assert.deepEqual([again.code, again.stderr], [3, 'nothing is running: no supervisor and no agent; start it with: animus up -d\n']);
    } finally {
      byHand.kill('SIGKILL');
    }
  });
});

describe('animus up beside another', () => {
  it('of an older version: it is replaced, and the Brocas go on as they are', async () => {
    await using rig = await makeHome();
    await deploy(rig, 'one', 'http://127.0.0.1:9');
    const older = fork(path.join(import.meta.dirname, 'older-supervisor.fixture.ts'), [rig.home], {
      execArgv: ['--conditions=animus-source'],
    });
    try {
      await once(older, 'message');
      const before = await status(rig);
      const up = await rig.animus(['up', '-d']);
      assert.equal(up.code, 0, up.stdout + up.stderr);
      assert.match(up.stderr, /the supervisor \(pid \d+\) is Animus 0\.0\.9, this is .*: it is replaced, the agents go on/);
      const after = await status(rig);
      assert.notEqual(after.supervisor.pid, before.supervisor.pid);
      assert.equal(isAlive(before.supervisor.pid), false);
      assert.deepEqual([after.agents[0]?.pid, after.agents[0]?.phase], [before.agents[0]?.pid, 'ready']);
    } finally {
      older.kill('SIGKILL');
      await rig.animus(['down']);
    }
  });

  it('ten at once: one supervisor, one Broca, and each of the ten says so', async () => {
    await using rig = await makeHome();
    await deploy(rig, 'one', 'http://127.0.0.1:9');
    const ups = await Promise.all(Array.from({ length: 10 }, async () => await rig.animus(['up', '-d', '--json'])));
    try {
      for (const { code, stderr } of ups) assert.equal(code, 0, stderr);
      const seen: Status[] = ups.map(({ stdout }) => JSON.parse(stdout));
      assert.equal(new Set(seen.map(({ supervisor }) => supervisor.pid)).size, 1);
      assert.deepEqual([...new Set(seen.map(({ agents }) => agents[0]?.pid))], [(await status(rig)).agents[0]?.pid]);
    } finally {
      assert.equal((await rig.animus(['down'])).code, 0);
    }
  });
});

describe('an agent that cannot start', () => {
  it('is broken with what is wrong in its files as its reason, told once; without a release too', async () => {
    await using rig = await makeHome();
    await deploy(rig, 'bad', 'http://127.0.0.1:9');
    const bad = agentPaths(rig.home, 'agent-bad');
    fs.appendFileSync(bad.environment, 'AGENT_ENDPOIN=x\nMAX_RETRIES=many\n');
    fs.mkdirSync(path.join(rig.home, 'agent-empty'));
    const up = await rig.animus(['up', '-d']);
    assert.equal(up.code, 1);
    assert.match(
      up.stdout,
      /^✗ agent-bad: broken: \.env: MAX_RETRIES = many: .*\n {4}\.env: AGENT_ENDPOIN: unknown key, .*\n✗ agent-empty: broken: there is no release to run/m,
    );
    const { stdout } = await rig.animus(['health', 'bad']);
    assert.equal(stdout.split('MAX_RETRIES').length, 2, stdout);
    assert.equal(stdout.split('unknown key').length, 2, stdout);
    assert.equal((await rig.animus(['down'])).code, 0);
  });
});

describe('a fleet in the foreground', () => {
  it('shows the log, and Ctrl-C stops it', async () => {
    await using rig = await makeHome();
    await deploy(rig, 'one', 'http://127.0.0.1:9');
    const up = rig.start(['up']);
    await up.said('Ctrl-C stops it');
    await up.said('agent-one: ready');
    const { agents, supervisor } = await status(rig);
    up.child.kill('SIGINT');
    const ended = await up.ended;
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(isAlive(supervisor.pid), false);
    assert.equal(isAlive(agents[0]?.pid ?? 0), false);
  });

  it('goes on when the terminal hangs up; another `up` shows its log and leaves it running', async () => {
    await using rig = await makeHome();
    await deploy(rig, 'one', 'http://127.0.0.1:9');
    const up = rig.start(['up']);
    await up.said('agent-one: ready');
    up.child.kill('SIGHUP');
    assert.equal((await up.ended).signal, 'SIGHUP');
    const { supervisor } = await status(rig);
    const second = rig.start(['up']);
    await second.said('runs already');
    await rig.animus(['restart', 'one']);
    await second.said('agent-one: ready');
    second.child.kill('SIGINT');
    assert.equal((await second.ended).code, 0);
    assert.equal((await status(rig)).supervisor.pid, supervisor.pid);
    const third = rig.start(['up']);
    await third.said('runs already');
    assert.equal((await rig.animus(['down'])).code, 0);
    assert.equal((await third.ended).code, 0);
  });

  it('ends with what the supervisor says when it cannot stand', async () => {
    await using rig = await makeHome();
    // A folder where the socket belongs: no supervisor can listen there.
    fs.mkdirSync(path.join(homePaths(rig.home).socket, 'in-the-way'), { recursive: true });
    const ran = await rig.animus(['up', '-d']);
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /the supervisor has ended: ./);
    fs.rmSync(homePaths(rig.home).socket, { recursive: true });
    assert.equal(fs.existsSync(agentPaths(rig.home, 'agent-one').folder), false);
  });
});
