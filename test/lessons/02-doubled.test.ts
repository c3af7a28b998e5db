/** Fault 2: one message that the agent ran twice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lettaErrors } from 'animus-testkit';
import { ASK, openRig, otidsAsked, say } from './rig.ts';

test('a block that cannot be detached after a good answer does not run the turn again', async () => {
  await using rig = await openRig();
  const broca = await rig.start();
  const fault = rig.letta.fault({ kind: 'status', route: 'agents.blocks.detach', times: 1, ...lettaErrors.internal });
  assert.equal((await say(broca, { id: 'm1' })).outcome, 'answered');
  assert.equal((await say(broca, { id: 'm2', sender: 'bob' })).outcome, 'answered');
  assert.equal(fault.hits, 1);
  const [ann, bob] = rig.letta.turns;
  assert.equal(rig.letta.turns.length, 2);
  assert.deepEqual(
    bob?.blocks.filter((label) => ann?.blocks.includes(label)),
    [],
    "and the next one's turn waits until it is gone",
  );
});

test('a stream that is cut before the answer is found out, not asked again', async () => {
  await using rig = await openRig();
  const broca = await rig.start();
  const cut = rig.letta.fault({ kind: 'cut', route: ASK, how: 'reset', afterFrames: 1 });
  assert.equal((await say(broca, { id: 'm1' })).outcome, 'answered');
  assert.equal(cut.hits, 1);
  assert.equal(rig.letta.turns.length, 1);
  assert.equal(otidsAsked(rig.letta).length, 1, 'it was posted once');
});

test('a gateway that gives up while the agent works does not make Broca post again', async () => {
  await using rig = await openRig();
  const broca = await rig.start();
  const gateway = rig.letta.fault({ kind: 'status', route: ASK, ran: true, status: 504, body: '<html>504 Gateway Time-out</html>' });
  assert.equal((await say(broca, { id: 'm1' })).outcome, 'answered');
  assert.equal(gateway.hits, 1);
  assert.equal(rig.letta.turns.length, 1);
  assert.equal(new Set(otidsAsked(rig.letta)).size, 1);
});

test('what may or may not have arrived is posted again with the otid it had', async () => {
  await using rig = await openRig();
  const broca = await rig.start();
  const drop = rig.letta.fault({ kind: 'drop', route: ASK });
  assert.equal((await say(broca, { id: 'm1' })).outcome, 'answered');
  assert.equal(drop.hits, 1);
  assert.equal(rig.letta.turns.length, 1);
  const otids = otidsAsked(rig.letta);
  assert.equal(otids.length, 2);
  assert.ok(otids[0] !== undefined && otids[0] === otids[1], otids.join());
});
