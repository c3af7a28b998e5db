/** Telegram does not tell any more what happened meanwhile (differenceTooLong): nothing that can be had is lost, the rest is said. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTelegramRig } from './rig.ts';

test('what Telegram tells of no more is asked for by its ids: own chats and groups, in order, none twice', async (t) => {
  const rig = await openTelegramRig(t, { telegram: { groups: 'all' } });
  const { telegram, bot, owner } = rig;
  const other = telegram.createUser({ username: 'eve' });
  telegram.meet(other, bot);
  const group = telegram.createGroup({ title: 'All', members: [owner, bot], kind: 'supergroup' });
  const first = await rig.start();
  telegram.pushText(owner, bot, 'before');
  telegram.pushText(owner, group, 'before');
  await telegram.sent({ by: bot, number: 2 });
  await first.kill('SIGKILL');
  for (let number = 1; number <= 120; number += 1) {
    telegram.pushText(owner, bot, `own ${number}`);
    telegram.pushText(other, bot, 'between');
  }
  for (let number = 1; number <= 3; number += 1) telegram.pushText(owner, group, `group ${number}`);
  telegram.forgetUpdates(bot);
  telegram.forgetUpdates(group);
  await using broca = await rig.start();
  telegram.pushText(owner, bot, 'after');
  await telegram.sent({ by: bot, text: /after/ });
  await telegram.sent({ by: bot, to: group, number: 4 });
  const texts = (to: typeof owner | typeof group) => telegram.sentTo(to, bot).map(({ text }) => /(\w+( \d+)?)$/.exec(text)?.[1]);
  const numbered = (word: string, most: number) => Array.from({ length: most }, (_, place) => `${word} ${place + 1}`);
  assert.deepEqual(texts(owner), ['before', ...numbered('own', 120), 'after']);
  assert.deepEqual(texts(group), ['before', ...numbered('group', 3)]);
  const { channels } = await broca.beat(() => true);
  assert.deepEqual(
    channels.find(({ name }) => name === 'telegram'),
    { name: 'telegram', state: 'up' },
  );
});

test('what was changed in the gap is told too: of messages that were read, once, and not of what comes with its new words', async (t) => {
  const rig = await openTelegramRig(t, { telegram: { groups: 'all', edits: 'tell' } });
  const { telegram, bot, owner } = rig;
  const group = telegram.createGroup({ title: 'All', members: [owner, bot], kind: 'supergroup' });
  const first = await rig.start();
  const early = telegram.pushText(owner, bot, 'erly');
  const inGroup = telegram.pushText(owner, group, 'in gruop');
  await telegram.sent({ by: bot, number: 2 });
  telegram.pushEdit(early, 'earyl');
  await telegram.sent({ by: bot, number: 3 });
  await first.kill('SIGKILL');
  telegram.advance(5_000);
  telegram.pushEdit(early, 'early');
  telegram.pushEdit(inGroup, 'in group');
  const late = telegram.pushText(owner, bot, 'lat');
  telegram.pushEdit(late, 'late');
  telegram.forgetUpdates(bot);
  telegram.forgetUpdates(group);
  const second = await rig.start();
  await telegram.sent({ by: bot, to: owner, text: /late$/ });
  await telegram.sent({ by: bot, to: group, text: /in group$/ });
  await second.kill('SIGKILL');
  // The same gap once more: nothing of it is new.
  telegram.forgetUpdates(bot);
  telegram.forgetUpdates(group);
  await using _broca = await rig.start();
  telegram.pushText(owner, bot, 'after');
  await telegram.sent({ by: bot, text: /after$/ });
  const texts = (to: typeof owner | typeof group) => telegram.sentTo(to, bot).map(({ text }) => text.replace(/^\[.*?\] /, ''));
  const changed = '(an earlier message, changed to this)\n';
  assert.deepEqual(texts(owner), ['erly', `${changed}earyl`, `${changed}early`, 'late', 'after']);
  assert.deepEqual(texts(group), ['(in the group "All")\nin gruop', `(in the group "All")\n${changed}in group`]);
});

test('a flood wait amid asking is waited for', async (t) => {
  const rig = await openTelegramRig(t);
  const { telegram, bot, owner } = rig;
  const first = await rig.start();
  telegram.pushText(owner, bot, 'before');
  await telegram.sent({ by: bot });
  await first.kill('SIGKILL');
  telegram.pushText(owner, bot, 'missed');
  telegram.forgetUpdates(bot);
  telegram.fault({ kind: 'refuse', method: 'messages.getMessages', code: 420, error: 'FLOOD_WAIT_1' });
  await using _second = await rig.start();
  await telegram.sent({ by: bot, text: /missed/ });
  assert.equal(telegram.sentTo(owner, bot).length, 2);
});

test('where no message was ever stored, health says that some were missed', async (t) => {
  const rig = await openTelegramRig(t);
  const { telegram, bot, owner } = rig;
  const first = await rig.start();
  await first.kill('SIGKILL');
  telegram.pushText(owner, bot, 'gone');
  telegram.forgetUpdates(bot);
  await using broca = await rig.start();
  telegram.pushText(owner, bot, 'here');
  await telegram.sent({ by: bot, text: /here/ });
  const { channels } = await broca.beat(() => true);
  const shown = channels.find(({ name }) => name === 'telegram');
  assert.equal(shown?.state, 'up');
  assert.match(shown?.reason ?? '', /ask people to write again/);
});
