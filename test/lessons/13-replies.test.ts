/** Fault 13: replies of which only the last message was kept, or that belonged to an older turn. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ASK, openRig, say, textsOf } from './rig.ts';

test('every message of the agent is a part of the reply, also when the stream breaks between them', async () => {
  await using rig = await openRig();
  const broca = await rig.start();
  rig.letta.answerNext([
    { kind: 'assistant', text: 'one' },
    { kind: 'tool', name: 'search' },
    { kind: 'assistant', text: 'two' },
    { kind: 'assistant', text: 'three' },
  ]);
  const cut = rig.letta.fault({ kind: 'cut', route: ASK, how: 'end', afterFrames: 2 });
  assert.deepEqual(textsOf(await say(broca, { id: 'm1' })), ['one', 'two', 'three']);
  assert.equal(cut.hits, 1);
});

test('the late answer of an older turn is given to that turn, never to a newer one', async () => {
  await using rig = await openRig();
  rig.letta.setScript(({ text }) => [{ kind: 'assistant', text: `to ${text.split(' ').at(-1)}` }]);
  rig.letta.hold();
  const first = await rig.start();
  await say(first, { id: 'm1', text: 'first', wait: false });
  const older = await rig.letta.turnStarted();
  await first.kill('SIGKILL');
  // Nothing but the message list can tell any more, and in it the answers stand one after the other.
  rig.letta.release();
  await rig.letta.turnEnded();
  rig.letta.vanishRun(older.runId, 'gone');
  const second = await rig.start();
  const replies = await Promise.all([say(second, { id: 'm2', text: 'second' }), say(second, { id: 'm1', text: 'first' })]);
  assert.deepEqual(replies.map(textsOf), [['to second'], ['to first']]);
  assert.equal(rig.letta.turns.length, 2);
});
