/** Fault 1: messages and replies that were lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startPlatform } from './platform.ts';
import { addPlatformPlugin, openRig, say } from './rig.ts';

test('a stop in the middle of a turn and a restart while the agent still works strand nothing', async () => {
  await using rig = await openRig();
  rig.letta.hold();
  const first = await rig.start();
  await say(first, { id: 'm1', wait: false });
  const turn = await rig.letta.turnStarted();
  const link = await first.connect('supervisor');
  link.send({ type: 'stop', deadlineMs: 0 });
  assert.deepEqual(await first.exited, { code: 0, signal: null });

  const second = await rig.start();
  const replies = Promise.all([say(second, { id: 'm1' }), say(second, { id: 'm2' })]);
  assert.equal(turn.endedAt, null, 'the agent still works on it');
  rig.letta.release();
  assert.deepEqual(
    (await replies).map(({ outcome }) => outcome),
    ['answered', 'answered'],
  );
  assert.equal(rig.letta.turns.length, 2);
});

test('a reply whose sending fails is kept and sent again, as the same reply', async () => {
  await using platform = await startPlatform({ messages: [{ id: 'p1', text: 'hello' }], first: ['refused with 500'] });
  await using rig = await openRig({ settings: { plugins: { platform: { enabled: true, url: platform.url } } } });
  addPlatformPlugin(rig.agent);
  const broca = await rig.start();
  await platform.partsCame(1);
  const [open] = (await broca.ask('queue.list')) as { unsent: number }[];
  assert.equal(open?.unsent, 1, 'it is not done before its reply is delivered');
  await platform.partsCame(2);
  assert.deepEqual(platform.posted[0], platform.posted[1]);
  assert.match(platform.posted[1]?.text ?? '', /echo: .*hello/);
  assert.equal(rig.letta.turns.length, 1, 'the agent was asked once');
});

test('a reply whose sending breaks off is sent again with the same key', async () => {
  await using platform = await startPlatform({ messages: [{ id: 'p1', text: 'hello' }], first: ['connection cut'] });
  await using rig = await openRig({ settings: { plugins: { platform: { enabled: true, url: platform.url } } } });
  addPlatformPlugin(rig.agent);
  await rig.start();
  await platform.partsCame(2);
  assert.equal(new Set(platform.posted.map(({ key }) => key)).size, 1);
  assert.equal(rig.letta.turns.length, 1);
});
