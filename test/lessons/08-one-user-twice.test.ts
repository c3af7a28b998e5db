/** Fault 8: several identities for one user, and a locked database, when their first messages come together. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openRig, say } from './rig.ts';

test('ten first messages of one user, together and in ten chats, make one user, one identity and one block', async () => {
  await using rig = await openRig();
  const broca = await rig.start();
  const chats = Array.from({ length: 10 }, (_, index) => `chat-${index}`);
  const replies = await Promise.all(chats.map(async (chat) => await say(broca, { id: 'm1', chat })));
  for (const { outcome } of replies) assert.equal(outcome, 'answered');
  const made = (route: string): number => rig.letta.requests.filter((request) => request.route === route).length;
  assert.deepEqual([made('identities.create') + made('identities.upsert'), made('blocks.create')], [1, 1]);
  assert.equal(((await broca.ask('users.list')) as unknown[]).length, 1);
  assert.equal(new Set(rig.letta.turns.map(({ blocks }) => blocks.join())).size, 1);
});
