/** Fault 7: a poll that makes everybody wait, writes while nothing happens, and uploads that stop all else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import DatabaseConstructor from 'better-sqlite3';
import { startPlatform } from './platform.ts';
import { addPlatformPlugin, openRig, say, textsOf } from './rig.ts';

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

test('a message is taken up and answered at once, however rarely other changes are looked for', async () => {
  await using rig = await openRig({ settings: { message_processing: { queue_refresh: 300 } } });
  const broca = await rig.start();
  // A wait for the next look would outlast the patience of the test.
  for (const id of ['m1', 'm2', 'm3']) assert.equal((await say(broca, { id })).outcome, 'answered');
});

test('an idle Broca writes nothing to its database, and does not ask to', async () => {
  await using rig = await openRig({ settings: { message_processing: { queue_refresh: 1 } } });
  const broca = await rig.start();
  await say(broca, { id: 'm1' });
  // It has looked at Letta, and has nothing left to do after its start and its turn.
  await broca.beat(({ letta, queue }) => letta.state === 'reachable' && queue.waiting + queue.running + queue.outbox === 0);
  const db = new DatabaseConstructor(rig.agent.path('animus.db'), { fileMustExist: true, timeout: 5_000 });
  try {
    // With the write lock in our hands, whoever wants it is refused, and says so in health and log.
    db.exec('BEGIN IMMEDIATE');
    const version = db.pragma('data_version', { simple: true });
    const link = await broca.connect('supervisor');
    await link.next(({ type }) => type === 'beat');
    // The next beat is several looks at the queue later.
    const beat = await link.next(({ type }) => type === 'beat');
    assert.ok(beat.type === 'beat');
    assert.deepEqual(beat.problems, []);
    assert.ok(beat.eventLoopDelayMs < 1_000, `the event loop waited for the lock: ${beat.eventLoopDelayMs} ms`);
    db.exec('ROLLBACK');
    assert.equal(db.pragma('data_version', { simple: true }), version, 'nobody else has written');
  } finally {
    db.close();
  }
});

test('while an upload hangs, commands are answered and messages are stored', async () => {
  await using platform = await startPlatform({ messages: [{ id: 'p1', text: 'look', image: PIXEL }] });
  const images = { upload: { enabled: true, url: `${platform.url}/upload` } };
  await using rig = await openRig({ settings: { images, plugins: { platform: { enabled: true, url: platform.url } } } });
  addPlatformPlugin(rig.agent);
  const broca = await rig.start();
  await platform.uploadCame;
  const { state } = await say(broca, { id: 'm1', wait: false });
  assert.equal(state, 'waiting');
  assert.equal(((await broca.ask('queue.list')) as unknown[]).length, 2);
  platform.answerUpload();
  await platform.partsCame(1);
  assert.match(platform.posted[0]?.text ?? '', /images\.example/);
  assert.match(textsOf(await say(broca, { id: 'm1' })).join(), /echo: .*hello/);
});
