/** Groups that are read whole, and the slow mode of one of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTelegramRig } from './rig.ts';

test('groups "all": everything is read; slow mode puts a part back, and holds no other chat', async (t) => {
  const rig = await openTelegramRig(t, { telegram: { groups: 'all' } });
  const { telegram, bot, owner } = rig;
  const stranger = telegram.createUser({ username: 'eve' });
  const group = telegram.createGroup({ title: 'Slow', members: [owner, bot, stranger], kind: 'supergroup', slowModeSeconds: 2 });
  await using _broca = await rig.start();
  telegram.pushText(stranger, group, 'nobody asked me');
  telegram.pushText(owner, group, 'one');
  await telegram.sent({ by: bot, to: group });
  telegram.pushText(owner, group, 'two');
  await telegram.sent({ by: bot, to: group, outcome: 'refused' });
  telegram.pushText(owner, bot, 'private');
  await telegram.sent({ by: bot, to: owner });
  const between = telegram.sentTo(group, bot).length;
  await telegram.sent({ by: bot, to: group, number: 2 });
  assert.equal(between, 1, 'the private chat went first');
  assert.deepEqual(
    telegram.sentTo(group, bot).map(({ text }) => text.split('\n').at(-1)),
    ['one', 'two'],
  );
  const refused = telegram.ledger.filter(({ outcome }) => outcome === 'refused');
  assert.ok(refused.length >= 1 && refused.every(({ randomId }) => randomId === telegram.sentTo(group, bot)[1]?.randomId));
});
