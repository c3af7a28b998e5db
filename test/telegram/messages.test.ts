/** Messages in and out, through a real Broca and a real MTProto connection. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTelegramRig } from './rig.ts';

test('what the owner writes is answered where it was written', async (t) => {
  const { telegram, bot, owner, start } = await openTelegramRig(t);
  await using broca = await start();
  await telegram.answered({ account: bot, method: 'updates.getState' });
  telegram.pushText(owner, bot, 'hello');
  const reply = await telegram.sent({ by: bot, to: owner });
  assert.equal(reply.text, `[Username: @ada, Telegram ID: ${owner.id}] hello`);
  await broca.beat(({ channels }) => channels.some(({ name, state }) => name === 'telegram' && state === 'up'));
});
