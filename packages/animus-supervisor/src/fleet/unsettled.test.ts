import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import DatabaseConstructor from 'better-sqlite3';
import { agentPaths } from '../home/paths.ts';
import { updateFiles } from '../release/journal.ts';
import { Rig } from './fleet.fixture.ts';

const A = 'agent-a';
const B = 'agent-b';

test('an interrupted update that cannot be settled keeps its agent alone from running, says why, and is tried again by a start', async () => {
  await using rig = await Rig.open([A, B]);
  const agent = agentPaths(rig.home, A);
  // Killed after the switch; the copy of the database that it is to go back to cannot take its place.
  const { plan, kept } = updateFiles(agent);
  fs.mkdirSync(kept, { recursive: true });
  fs.mkdirSync(agent.releases, { recursive: true });
  fs.mkdirSync(agent.run, { recursive: true });
  new DatabaseConstructor(agent.database).close();
  fs.symlinkSync('to', agent.currentRelease);
  fs.writeFileSync(plan, JSON.stringify({ from: 'from', to: 'to', database: 'migrates', clone: null, at: '2026-01-01T00:00:00Z' }));
  const fleet = rig.fleet();
  const broken = rig.nextPhase(A, 'broken');
  const opening = fleet.open();
  const stopped = await rig.nextPhase(A, 'stopped').then(() => fleet.status().agents[0]);
  assert.deepEqual([stopped?.phase, stopped?.wanted, stopped?.reason], ['stopped', 'running', 'an update of it is under way']);
  await opening;
  await broken;
  const { agents } = fleet.status();
  const [a, b] = agents;
  assert.deepEqual([a?.phase, a?.wanted, b?.phase === 'broken'], ['broken', 'running', false]);
  assert.match(a?.reason ?? '', /^an interrupted update cannot be settled, .* To try again: animus start agent-a$/);
  const refused = await fleet.start(A);
  assert.deepEqual([refused.ok, /an interrupted update/.test(refused.message)], [false, true]);
  assert.equal(rig.stage.live(A).length, 0);
  fs.rmdirSync(kept);
  assert.equal((await fleet.start(A)).ok, true);
  assert.equal(path.basename(fs.readlinkSync(agent.currentRelease)), 'from');
  assert.equal(fs.existsSync(agent.update), false);
});
