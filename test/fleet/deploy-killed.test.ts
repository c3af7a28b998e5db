/** A deploy that is really killed, at any moment: never half an agent, and nothing is left after the next one. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { randomFrom } from './random.ts';
import { type Agent, FleetRig } from './rig.ts';

/** What deploy says before each of its steps. */
const STEPS = ['cloning', 'preparing', 'building', 'creating'];
const INTERRUPTIONS = [
  ['cloning', 'SIGINT'],
  ['cloning', 'SIGHUP'],
  ['preparing', 'SIGTERM'],
  ['building', 'SIGHUP'],
  ['creating', 'SIGINT'],
  ['creating', 'SIGTERM'],
] as const;
/** A step takes up to 300 ms; a kill that comes after it meets the next one. */
const LATEST_MS = 250;
const SEED = Number(process.env['ANIMUS_TEST_SEED'] ?? Date.now() % 100_000);

describe(`kill -9 of a deploy (seed ${SEED})`, () => {
  let fleet: FleetRig;
  let agent: Agent;

  before(async () => {
    fleet = await FleetRig.make();
    agent = await fleet.agent('killed');
  });
  after(async () => await fleet[Symbol.asyncDispose]());

  const stagesIn = (...parts: string[]): string[] => {
    const folder = path.join(fleet.home, ...parts);
    return fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => name.startsWith('.')) : [];
  };

  it('there is no agent or a whole one; the next deploy of any agent clears what is left, and what still runs there', async () => {
    const random = randomFrom(SEED);
    let killed = 0;
    for (const step of [...STEPS, 'cloning', 'building']) {
      const deploying = fleet.start('deploy', agent.id, agent.letta.url, agent.key);
      await deploying.said(step);
      await delay(random() * LATEST_MS);
      deploying.child.kill('SIGKILL');
      const { signal } = await deploying.ended;
      if (signal !== null) killed += 1;
      if (fs.existsSync(agent.folder)) {
        assert.equal((await fleet.rig.animus(['settings', agent.id, 'validate'])).code, 0, 'what is there is whole');
        await fleet.done('remove', agent.id, '--yes');
      }
      assert.match((await fleet.rig.animus(['ls'])).stdout, /no agent is deployed yet/);
    }
    assert.ok(killed > 0);
    const ran = await fleet.deploy(agent);
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual([...stagesIn(), ...stagesIn('runtime'), ...stagesIn(agent.id, 'releases')], []);
    assert.deepEqual(fleet.processes(), [], 'no clone goes on in a folder that is gone');
    await fleet.done('up', '-d');
    assert.match(await fleet.send(agent, 'are you whole?'), /are you whole\?\n$/);
    assert.equal((await fleet.rig.animus(['health'])).code, 0);
  });

  it('Ctrl-C, a polite kill and a closed terminal leave nothing at once', async () => {
    const other = await fleet.agent('interrupted');
    for (const [step, name] of INTERRUPTIONS) {
      const deploying = fleet.start('deploy', other.id, other.letta.url, other.key, '--no-start');
      await deploying.said(step);
      deploying.child.kill(name);
      const { code, signal, stderr } = await deploying.ended;
      assert.deepEqual([code, signal], name === 'SIGHUP' ? [null, 'SIGHUP'] : [1, null]);
      assert.equal(stderr.trimEnd().split('\n').at(-1), 'interrupted');
      assert.deepEqual(stagesIn(), []);
      assert.equal(fs.existsSync(other.folder), false);
      assert.equal(fs.existsSync(path.join(fleet.home, 'run/agents', `${other.id}.json`)), false);
    }
  });
});
