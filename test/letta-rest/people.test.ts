import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LettaPerson } from '../../packages/broca-core/src/turn/letta.ts';
import { openRig, type Rig } from './rig.ts';

const person = (key = 'db-7', name = 'Ann'): LettaPerson => ({ key, name, identityId: null, blockId: null });

function made(rig: Rig, route: string): number {
  return rig.simulator.requests.filter((request) => request.route === route).length;
}

/** As another program would. */
async function makeBlock(rig: Rig, label: string): Promise<string> {
  const response = await fetch(`${rig.simulator.url}/v1/blocks/`, {
    method: 'POST',
    headers: { authorization: 'Bearer sk-let-secret', 'content-type': 'application/json' },
    body: JSON.stringify({ label, value: 'of another' }),
  });
  const made: unknown = await response.json();
  assert.ok(typeof made === 'object' && made !== null && 'id' in made && typeof made.id === 'string');
  return made.id;
}

test('a person is made once: two calls at a time, and again after a restart', async () => {
  await using rig = await openRig();
  const [one, two] = await Promise.all([
    rig.letta.findOrMakePerson(person(), rig.signal),
    rig.letta.findOrMakePerson(person(), rig.signal),
  ]);
  assert.deepEqual(one, two);
  assert.deepEqual(await rig.restarted().findOrMakePerson(person(), rig.signal), one);
  assert.deepEqual([made(rig, 'identities.create'), made(rig, 'blocks.create')], [1, 1]);
});

test('a crash between identity and block makes nothing twice', async () => {
  await using rig = await openRig();
  const fault = rig.simulator.fault({ kind: 'drop', route: 'blocks.create' });
  assert.equal((await rig.letta.findOrMakePerson(person(), rig.signal)).kind, 'unavailable');
  assert.equal(fault.hits, 1);
  assert.equal((await rig.restarted().findOrMakePerson(person(), rig.signal)).kind, 'ok');
  assert.equal(made(rig, 'identities.create'), 1);
});

test('two people have labels of their own; their blocks are never taken for each other', async () => {
  await using rig = await openRig();
  const ann = await rig.letta.findOrMakePerson(person('db-1', 'Ann'), rig.signal);
  const bob = await rig.letta.findOrMakePerson(person('db-2', 'Bob'), rig.signal);
  assert.ok(ann.kind === 'ok' && bob.kind === 'ok');
  assert.notEqual(ann.value.blockId, bob.value.blockId);
  assert.equal((await rig.letta.attachBlock(ann.value.blockId, rig.signal)).kind, 'ok');
  assert.deepEqual(rig.simulator.attachedLabels(rig.attempt().agentId), ['user_db-1']);
});

test('a key of odd signs and any length gives a label Letta takes', async () => {
  await using rig = await openRig();
  const odd = await rig.letta.findOrMakePerson(person(`${'x'.repeat(60)}:ä/@ 7`), rig.signal);
  assert.equal(odd.kind, 'ok');
});

test('attaching what is attached, and detaching what is not, is ok', async () => {
  await using rig = await openRig();
  const ann = await rig.letta.findOrMakePerson(person(), rig.signal);
  assert.ok(ann.kind === 'ok');
  const { blockId } = ann.value;
  const done = [];
  for (const act of ['attachBlock', 'attachBlock', 'detachBlock', 'detachBlock'] as const)
    done.push((await rig.letta[act](blockId, rig.signal)).kind);
  assert.deepEqual(done, ['ok', 'ok', 'ok', 'ok']);
  assert.deepEqual(rig.simulator.attachedLabels(rig.attempt().agentId), []);
});

test('another block of the same label in the way is no success: the turn would run with its memory', async () => {
  await using rig = await openRig();
  const ann = await rig.letta.findOrMakePerson(person(), rig.signal);
  assert.ok(ann.kind === 'ok');
  const other = await makeBlock(rig, 'user_db-7');
  assert.equal((await rig.letta.attachBlock(other, rig.signal)).kind, 'ok');
  const attached = await rig.letta.attachBlock(ann.value.blockId, rig.signal);
  assert.deepEqual(attached, { kind: 'rejected', reason: 'another block of the same label is attached' });
});

test('a block another program made, of a label that is taken, is given one of its own and keeps what is in it', async () => {
  await using rig = await openRig();
  const [first, second] = [await makeBlock(rig, 'human'), await makeBlock(rig, 'human')];
  assert.equal((await rig.letta.attachBlock(first, rig.signal)).kind, 'ok');
  assert.equal((await rig.letta.attachBlock(second, rig.signal)).kind, 'ok');
  assert.deepEqual(rig.simulator.attachedLabels(rig.attempt().agentId), ['human', `user_${second}`]);
  const attached = await rig.letta.attachedBlocks(rig.signal);
  assert.deepEqual(attached.kind === 'ok' && attached.value.toSorted(), [first, second].toSorted());
});

test('a block that is gone is rejected, an unknown agent held', async () => {
  await using rig = await openRig();
  const gone = 'block-00000000-0000-4000-8000-000000000000';
  assert.equal((await rig.letta.attachBlock(gone, rig.signal)).kind, 'rejected');
  rig.simulator.removeAgent(rig.attempt().agentId);
  assert.equal((await rig.letta.attachBlock(gone, rig.signal)).kind, 'held');
});

for (const status of [404, 410, 501]) {
  test(`a server without identities (${status}) keeps a block all the same, and is not asked again`, async () => {
    await using rig = await openRig();
    rig.simulator.fault({ kind: 'status', status, body: { detail: 'Not Found' }, path: /identities/, times: Number.POSITIVE_INFINITY });
    for (const key of ['db-1', 'db-2']) {
      const found = await rig.letta.findOrMakePerson(person(key), rig.signal);
      assert.equal(found.kind === 'ok' && found.value.identityId, null);
      assert.equal(found.kind, 'ok');
    }
    assert.equal(rig.simulator.requests.filter(({ path }) => path.includes('identities')).length, 1);
  });
}
