/**
 * Nothing of a Broca outlives it, after a stop and after a crash, whoever watched: with children that ignore SIGTERM, that left
 * its session, and that left its environment behind too. The last are promised to end in a pid namespace and a control group alone.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import type { TreeHold } from 'animus-protocol';
import type { Puppet } from 'animus-testkit';
import { homePaths } from '../home/paths.ts';
import { probeMachine } from '../isolation/probe.ts';
import { untilGone } from '../worker/adopt.ts';
import { identify, isAlive, type ProcessIdentity } from '../worker/proc.ts';
import { readRecord, recordFiles } from '../worker/record.ts';
import { type Machine, Rig } from './fleet.fixture.ts';

const A = 'agent-a';
const scratch = mkdtempSync(path.join(os.tmpdir(), 'animus-trees-'));
after(() => rmSync(scratch, { recursive: true }));
const machine = await probeMachine(process.env, scratch);

const WAYS: { tree: TreeHold; on: Machine; isHere: boolean }[] = [
  { tree: 'namespace', on: 'this', isHere: machine.sandbox.works },
  { tree: 'cgroup', on: 'cgroup', isHere: machine.cgroups !== null },
  { tree: 'marker', on: 'bare', isHere: true },
];

for (const { tree, on, isHere } of WAYS) {
  describe(`held by ${tree}`, { skip: isHere ? false : 'this machine does not allow it' }, () => {
    /** Children of every kind that must end with it. */
    async function family(puppet: Puppet): Promise<ProcessIdentity[]> {
      const pids = [await puppet.startGrandchild(), await puppet.startGrandchild('session')];
      if (tree !== 'marker') pids.push(await puppet.startGrandchild('cleared'));
      return pids.map(identify);
    }

    function assertGone(family: readonly ProcessIdentity[]): void {
      assert.deepEqual(
        family.map((each) => isAlive(each)),
        family.map(() => false),
      );
    }

    test('a crash takes all with it before the next starts; so does a stop', async () => {
      await using rig = await Rig.open([A], true, '', on);
      const fleet = rig.fleet();
      await fleet.open();
      await fleet.start(A);
      const first = await rig.puppet(A);
      assert.equal(fleet.status().agents[0]?.tree, tree);
      const left = await family(first);
      process.kill(first.pid, 'SIGKILL');
      const second = await rig.puppet(A);
      assertGone(left);
      await fleet.start(A);
      const leaving = await family(second);
      assert.equal((await fleet.stop(A)).ok, true);
      assertGone([...leaving, identify(second.pid)]);
    });

    test('a shim that is killed takes all with it', async () => {
      await using rig = await Rig.open([A], true, '', on);
      const fleet = rig.fleet();
      await fleet.open();
      await fleet.start(A);
      const puppet = await rig.puppet(A);
      const left = [...(await family(puppet)), identify(puppet.pid)];
      process.kill(shimOf(rig).pid, 'SIGKILL');
      await rig.puppet(A);
      assertGone(left);
      assert.equal(rig.stage.mostAtOnce(A), 1);
    });

    test('one that died while nobody watched: the next supervisor ends what it left, and starts it', async () => {
      await using rig = await Rig.open([A], true, '', on);
      const first = rig.fleet();
      await first.open();
      await first.start(A);
      const puppet = await rig.puppet(A);
      const left = await family(puppet);
      const shim = shimOf(rig);
      await first.close();
      process.kill(puppet.pid, 'SIGKILL');
      await untilGone(shim, new AbortController().signal);
      const second = rig.fleet();
      await second.open();
      assertGone(left);
      assert.equal((await second.start(A)).ok, true);
      assert.match(second.status().agents[0]?.lastDeath?.how ?? '', /killed by SIGKILL/);
    });

    test('an adopted one ends as whole when it is stopped', async () => {
      await using rig = await Rig.open([A], true, '', on);
      const first = rig.fleet();
      await first.open();
      await first.start(A);
      const puppet = await rig.puppet(A);
      const left = [...(await family(puppet)), identify(puppet.pid)];
      await first.close();
      const second = rig.fleet();
      await second.open();
      assert.equal(second.status().agents[0]?.tree, tree);
      assert.equal((await second.start(A)).pid, puppet.pid);
      assert.equal((await second.stop(A)).ok, true);
      assertGone(left);
    });
  });
}

function shimOf(rig: Rig): ProcessIdentity {
  const shim = readRecord(recordFiles(homePaths(rig.home).runAgents, A))?.run?.shim;
  assert.ok(shim);
  return shim;
}
