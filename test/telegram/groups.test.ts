/** Groups that are read whole, the slow mode of one of them, and the topics of a forum. */
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

test('topics of a forum are conversations of their own: each reply goes into its topic, and answers its message', async (t) => {
  const rig = await openTelegramRig(t, { telegram: { groups: 'all' } });
  const { telegram, bot, owner } = rig;
  const forum = telegram.createGroup({ title: 'Forum', members: [owner, bot], kind: 'supergroup', isForum: true });
  const [cats, dogs] = ['Cats', 'Dogs'].map((title) => telegram.createTopic(owner, forum, title));
  assert.ok(cats && dogs);
  await using _broca = await rig.start();
  const asked = [
    telegram.pushText(owner, forum, 'about cats', { topic: cats }),
    telegram.pushText(owner, forum, 'about dogs', { topic: dogs }),
    telegram.pushText(owner, forum, 'about all'),
  ];
  await telegram.sent({ by: bot, to: forum, number: 3 });
  const replies = () => telegram.history(owner, forum).filter(({ from }) => from === bot.id);
  const place = (word: string) => replies().find(({ text }) => text.endsWith(word));
  assert.deepEqual(
    ['cats', 'dogs', 'all'].map((word) => [place(word)?.topic, place(word)?.replyTo]),
    [cats.id, dogs.id, null].map((topic, index) => [topic, asked[index]?.id]),
  );
  const answer = place('cats');
  assert.ok(answer);
  telegram.pushText(owner, forum, 'and?', { topic: cats, replyTo: answer });
  assert.match((await telegram.sent({ by: bot, to: forum, number: 4 })).text, /in reply to you: .*about cats"\)\nand\?$/s);
  assert.equal(replies().at(-1)?.topic, cats.id);
});
