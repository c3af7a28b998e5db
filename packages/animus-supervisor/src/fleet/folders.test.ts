import assert from 'node:assert/strict';
import { renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { identify, isAlive } from '../worker/proc.ts';
import { Rig } from './fleet.fixture.ts';

const A = 'agent-a';
const B = 'agent-b';

test('a folder that comes is started, one that goes is stopped and forgotten', async () => {
  await using rig = await Rig.open([A]);
  const fleet = rig.fleet();
  await fleet.open();
  await fleet.start(A);
  const removed = rig.nextPhase(A, 'stopped');
  const ready = rig.nextPhase(B, 'ready');
  rig.furnish(B);
  await ready;
  rmSync(path.join(rig.home, A), { recursive: true });
  await removed;
  assert.deepEqual(fleet.agents, [B]);
  assert.equal(rig.stage.live(A).length, 0);
});

test('a folder that another took the place of at once: its Broca ends, and one starts in the new', async () => {
  await using rig = await Rig.open([A]);
  const fleet = rig.fleet();
  await fleet.open();
  await fleet.start(A);
  const before = await rig.puppet(A);
  const ready = rig.nextPhase(A, 'ready');
  rig.exchange(A);
  await ready;
  const after = await rig.puppet(A);
  assert.deepEqual([rig.stage.mostAtOnce(A), after.pid === before.pid, fleet.status().agents[0]?.restarts], [1, false, 0]);
});

test('a folder that another took the place of while no supervisor ran', async () => {
  await using rig = await Rig.open([A]);
  const first = rig.fleet();
  await first.open();
  await first.start(A);
  const before = await rig.puppet(A);
  await first.close();
  rig.exchange(A);
  const ready = rig.nextPhase(A, 'ready');
  const second = rig.fleet();
  await second.open();
  await ready;
  const after = await rig.puppet(A);
  assert.deepEqual([rig.stage.mostAtOnce(A), after.pid === before.pid], [1, false]);
});

test('a renamed folder: its Broca is stopped under the old name before one starts under the new', async () => {
  await using rig = await Rig.open([A]);
  const fleet = rig.fleet();
  await fleet.open();
  await fleet.start(A);
  const before = await rig.puppet(A);
  const identity = identify(before.pid);
  const shown: boolean[] = [];
  const ready = rig.next((event) => {
    if (event.kind === 'agent-spawned' && event.agent === B) shown.push(isAlive(identity));
    return event.kind === 'agent-phase' && event.agent === B && event.to === 'ready';
  });
  renameSync(path.join(rig.home, A), path.join(rig.home, B));
  await ready;
  const after = await rig.puppet(B);
  assert.deepEqual([fleet.agents, rig.stage.live(A), rig.stage.live(B).map(({ pid }) => pid)], [[B], [], [after.pid]]);
  assert.deepEqual([shown, after.pid === before.pid], [[false], false]);
  assert.deepEqual([await before.heard('stop').then(({ type }) => type), fleet.status().agents[0]?.restarts], ['stop', 0]);
});
