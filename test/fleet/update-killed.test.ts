/** kill -9 at a random moment of an update, of whoever works on it: the old or the new runs, and every message is answered once. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { AnimusProcess } from 'animus-testkit';
import { type Agent, isAlive, killHard, until } from './rig.ts';
import { Talk, UpdateRig } from './update.rig.ts';

/** Of the time an undisturbed update takes; the moments spread over it, and each run of the test has others. */
const ROUNDS = 2;

describe('an update that is killed', () => {
  let rig: UpdateRig;
  let one: Agent;
  let updateMs: number;

  before(async () => {
    rig = await UpdateRig.make();
    await rig.fleet.done('up', '-d');
    one = await rig.fleet.deployed('one');
    next();
    const since = performance.now();
    assert.equal((await rig.ask('update', 'one')).code, 0);
    updateMs = performance.now() - since;
  });
  after(async () => await rig[Symbol.asyncDispose]());

  let commits = 0;
  function next(): string {
    commits += 1;
    return rig.commit(`Commit ${commits}`, { 'docs/next.md': `${commits}\n` });
  }

  /** Updates while messages come in, kills what `victim` gives after a part of the usual time, and looks what is left. */
  async function killDuring(label: string, victim: (updating: number) => number | Promise<number>): Promise<void> {
    for (let round = 0; round < ROUNDS; round += 1) {
      const from = rig.current(one);
      const to = next();
      const talk = new Talk(rig.fleet, one, `${label}-${round}`);
      const updating = rig.fleet.start('update', 'one');
      const afterMs = updateMs * ((round + Math.random()) / ROUNDS);
      await delay(afterMs);
      const pid = await victim(updating.child.pid ?? 0);
      killHard(pid);
      await until('it is dead', () => !isAlive(pid) || null);
      await updating.ended;
      await rig.fleet.done('up', '-d');
      const runs = await until('the old or the new runs', async () => {
        const { phase, release } = await rig.fleet.statusOf(one);
        const isSettled = !['plan.json', 'done.json'].some((name) => fs.existsSync(path.join(one.folder, '.update', name)));
        return phase === 'ready' && isSettled ? release : null;
      });
      const where = `${label}, killed after ${Math.round(afterMs)} of ${Math.round(updateMs)} ms`;
      assert.ok(runs === from || runs === to, `${where}: ${runs} runs, neither ${from} nor ${to}`);
      assert.equal(rig.current(one), runs, where);
      assert.ok(fs.existsSync(path.join(one.folder, 'broca/package.json')), `${where}: its clone is there`);
      await talk.isAnswered();
      // The next one finishes what this one began.
      const { code, agents } = await rig.ask('update', 'one');
      assert.equal(code, 0, `${where}: ${agents[0]?.message}`);
      assert.equal(rig.current(one), to);
      assert.equal(fs.existsSync(path.join(one.folder, '.update')), false);
    }
  }

  /** Begins an update and gives it back at the moment when its switch has begun; it is not decided for a long time. */
  async function beginUndecided(): Promise<{ from: string; updating: AnimusProcess; supervisor: number }> {
    const from = rig.current(one);
    const { supervisor } = await rig.fleet.status();
    rig.configure({ supervisor: { probation: 600 } });
    next();
    const updating = rig.fleet.start('update', 'one');
    await until('it is on probation', () => fs.existsSync(path.join(one.folder, '.update/plan.json')) || null);
    rig.configure({});
    return { from, updating, supervisor: supervisor.pid };
  }

  it('the supervisor, in the middle of the switch: the command goes back, so that no Broca stays shut, and says so', async () => {
    const { from, updating, supervisor } = await beginUndecided();
    killHard(supervisor);
    const { code, stdout, stderr } = await updating.ended;
    assert.equal(code, 1);
    assert.match(stdout + stderr, new RegExp(`is not updated, ${from} is in use again: the supervisor ended in the .* animus up -d`));
    assert.equal(rig.current(one), from);
    // No supervisor runs: this one is asked itself, and takes messages in.
    assert.match(await rig.fleet.send(one, 'after the kill'), /after the kill\n$/);
    assert.match(await rig.fleet.done('up', '-d'), /✓ agent-one: ready/);
  });

  it('the supervisor and the command: health names what is shut, and `up -d` returns when the agent is ready', async () => {
    const { from, updating, supervisor } = await beginUndecided();
    updating.child.kill('SIGKILL');
    killHard(supervisor);
    await updating.ended;
    await until('the supervisor is dead', () => !isAlive(supervisor) || null);
    const health = await rig.fleet.health('one');
    assert.deepEqual([health.ok, /an update was interrupted/.test(health.agents[0]?.faults.join() ?? '')], [false, true]);
    assert.match(await rig.fleet.done('up', '-d'), /✓ agent-one: ready/);
    assert.equal(rig.current(one), from);
  });

  it('the command', async () => await killDuring('command', (updating) => updating));
  it('the supervisor', async () => await killDuring('supervisor', async () => (await rig.fleet.status()).supervisor.pid));
  it('Broca', async () => await killDuring('broca', async () => await somePid(rig, one)));
});

/** The Broca that runs, of whichever release, as soon as there is one. */
async function somePid(rig: UpdateRig, agent: Agent): Promise<number> {
  const { pid } = await until('a Broca runs', async () => {
    const status = await rig.fleet.statusOf(agent);
    return status.pid === null ? null : { pid: status.pid };
  });
  return pid;
}
