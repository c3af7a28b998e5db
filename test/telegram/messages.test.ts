/** What comes in through a real Broca and a real MTProto connection, and what the agent reads of it. Mode echo: the reply is what it would read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logged, openTelegramRig, type TelegramRig } from './rig.ts';

/** The texts that were sent to a chat, once there are so many. */
async function replies({ telegram, bot, owner }: TelegramRig, count: number): Promise<string[]> {
  await telegram.sent({ by: bot, to: owner, number: count });
  return telegram.sentTo(owner, bot).map(({ text }) => text.replace(/^\[.*?\]\s/, ''));
}

test('what the owner writes is answered where it was written, and shown as typed meanwhile', async (t) => {
  const rig = await openTelegramRig(t);
  const { telegram, bot, owner } = rig;
  await using broca = await rig.start();
  telegram.pushText(owner, bot, 'hello');
  const reply = await telegram.sent({ by: bot, to: owner });
  assert.equal(reply.text, `[Username: @ada, Telegram ID: ${owner.id}] hello`);
  const { channels } = await broca.beat(() => true);
  assert.deepEqual(
    channels.find(({ name }) => name === 'telegram'),
    { name: 'telegram', state: 'up' },
  );
});

test('Telegram may have a mode of its own, which is taken over while it runs', async (t) => {
  const rig = await openTelegramRig(t, { settings: { message_mode: 'live' }, environment: { TELEGRAM_MESSAGE_MODE: 'echo' } });
  const { telegram, bot, owner, agent } = rig;
  await using broca = await rig.start();
  telegram.pushText(owner, bot, 'hello');
  assert.deepEqual(await replies(rig, 1), ['hello'], 'although there is no Letta');
  await broca.ask('settings.set', { key: 'plugins.telegram.message_mode', value: 'listen' });
  telegram.pushText(owner, bot, 'silence');
  await logged(agent, 'turn-ended', 2);
  assert.equal(telegram.sentTo(owner, bot).length, 1);
  assert.equal((await broca.beat(() => true)).channels.find(({ name }) => name === 'telegram')?.state, 'up');
});

test('photos, files, voice and albums come as files; a place and a contact as words', async (t) => {
  const rig = await openTelegramRig(t, { exchangesKeys: true });
  const { telegram, bot, owner } = rig;
  await using _broca = await rig.start();
  const png = Buffer.concat([Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), Buffer.alloc(3_000, 1)]);
  telegram.pushFile(owner, bot, { bytes: png, kind: 'photo' }, 'look');
  telegram.pushFile(owner, bot, { bytes: Buffer.from('a,b\n1,2\n'), name: 'table.csv', mimeType: 'text/csv', dcId: 2 }, '');
  telegram.pushFile(owner, bot, { bytes: Buffer.alloc(700_000, 7), kind: 'voice', mimeType: 'audio/ogg' });
  telegram.pushAlbum(
    owner,
    bot,
    [
      { bytes: png, kind: 'photo' },
      { bytes: Buffer.from('second'), name: 'b.txt' },
    ],
    'an album',
  );
  telegram.pushPlace(owner, bot, 52.5, 13.4);
  telegram.pushContact(owner, bot, '+491', 'Bea');
  const [photo = '', file = '', voice = '', album = '', place, contact] = await replies(rig, 6);
  assert.match(photo, /^look\n\[Image Attachment: a file, image\/png, 3 kB\]$/);
  assert.match(file, /^\[Attachment: .*table\.csv/);
  assert.match(voice, /^\[Attachment: .*voice message/);
  assert.match(album, /^an album\n\[Image Attachment: .*\n\[Attachment: .*b\.txt/);
  assert.deepEqual([place, contact], ['(a place: 52.5, 13.4)', '(a contact: Bea, +491)']);
  assert.equal(telegram.sentTo(owner, bot).length, 6, 'an album is one message');
});

test('a file whose reference expired, and one that a flood wait holds, come all the same and in order', async (t) => {
  const rig = await openTelegramRig(t);
  const { telegram, bot, owner } = rig;
  await using _broca = await rig.start();
  telegram.fault({ kind: 'refuse', method: 'upload.getFile', code: 400, error: 'FILE_REFERENCE_EXPIRED' });
  telegram.fault({ kind: 'refuse', method: 'upload.getFile', code: 420, error: 'FLOOD_WAIT_1', skip: 1 });
  telegram.pushFile(owner, bot, { bytes: Buffer.from('one'), name: 'one.txt' }, 'first');
  telegram.pushText(owner, bot, 'second');
  const [first = '', second] = await replies(rig, 2);
  assert.match(first, /^first\n\[Attachment: .*one\.txt/);
  assert.equal(second, 'second');
});

test('a reply comes with the words it answers', async (t) => {
  const rig = await openTelegramRig(t);
  const { telegram, bot, owner } = rig;
  await using _broca = await rig.start();
  const asked = telegram.pushText(owner, bot, 'the first "thing"\nI said');
  await replies(rig, 1);
  telegram.pushText(owner, bot, 'more of this', { replyTo: asked });
  assert.equal((await replies(rig, 2))[1], `(in reply to "Ada": "the first 'thing' I said")\nmore of this`);
  const answer = telegram.history(owner, bot).find(({ from }) => from === bot.id);
  assert.ok(answer);
  telegram.pushText(owner, bot, 'why?', { replyTo: answer });
  assert.match((await replies(rig, 3))[2] ?? '', /^\(in reply to you: ".*the first 'thing' I said"\)\nwhy\?$/);
});

test('what is forwarded says who wrote it', async (t) => {
  const rig = await openTelegramRig(t);
  const { telegram, bot, owner } = rig;
  const bea = telegram.createUser({ firstName: 'Bea', lastName: 'B.' });
  const news = telegram.createGroup({ title: 'The News', members: [owner], kind: 'channel', username: 'the_news' });
  await using _broca = await rig.start();
  telegram.pushText(owner, bot, 'one', { forwardedFrom: bea });
  telegram.pushText(owner, bot, 'two', { forwardedFrom: news });
  telegram.pushText(owner, bot, 'three', { forwardedFrom: 'Hidden "Name"' });
  telegram.pushText(owner, bot, 'four', { forwardedFrom: bot });
  telegram.pushFile(owner, bot, { bytes: Buffer.from('five'), name: 'five.txt' }, 'five', { forwardedFrom: bea });
  const [one, two, three, four, five = ''] = await replies(rig, 5);
  assert.deepEqual(
    [one, two, three, four],
    [
      '(forwarded, written by "Bea B.")\none',
      '(forwarded, written by "The News")\ntwo',
      `(forwarded, written by "Hidden 'Name'")\nthree`,
      '(forwarded, written by you)\nfour',
    ],
  );
  assert.match(five, /^\(forwarded, written by "Bea B."\)\nfive\n\[Attachment: /);
});

test('rapid messages are one question; edits are told when settings say so', async (t) => {
  const rig = await openTelegramRig(t, { telegram: { buffer_delay: 0.4, edits: 'tell' } });
  const { telegram, bot, owner } = rig;
  await using _broca = await rig.start();
  for (const text of ['one', 'two', 'three']) telegram.pushText(owner, bot, text);
  assert.deepEqual(await replies(rig, 1), ['one\ntwo\nthree']);
  const message = telegram.pushText(owner, bot, 'wrogn');
  await replies(rig, 2);
  telegram.pushEdit(message, 'right');
  assert.deepEqual((await replies(rig, 3)).slice(1), ['wrogn', '(an earlier message, changed to this)\nright']);
});

test('in groups: nothing by default; when mentioned or answered it replies to the message, and only for those who may', async (t) => {
  const rig = await openTelegramRig(t, { telegram: { groups: 'mentioned' } });
  const { telegram, bot, owner } = rig;
  const stranger = telegram.createUser({ username: 'eve' });
  for (const kind of ['supergroup', 'group'] as const) {
    const group = telegram.createGroup({ title: `The "${kind}"`, members: [owner, bot, stranger], kind });
    await using broca = await rig.start();
    telegram.pushText(owner, group, 'not for you, agent_bot');
    telegram.pushTitle(owner, group, 'New title');
    telegram.pushText(stranger, group, '@agent_bot obey', { entities: [{ kind: 'Mention', offset: 0, length: 10 }] });
    const asked = telegram.pushText(owner, group, 'hey @agent_bot', { entities: [{ kind: 'Mention', offset: 4, length: 10 }] });
    const reply = await telegram.sent({ by: bot, to: group });
    assert.equal(reply.text, `[Username: @ada, Telegram ID: ${owner.id}] (in the group "New title")\nhey @agent_bot`);
    const copy = telegram.history(bot, group).find(({ post }) => post === asked.post);
    assert.equal(reply.replyTo, copy?.id, 'it shows what it answers');
    const answer = telegram.history(owner, group).find(({ text }) => text === reply.text);
    assert.ok(answer);
    telegram.pushText(owner, group, 'and?', { replyTo: answer });
    const second = await telegram.sent({ by: bot, to: group, number: 2 });
    assert.match(second.text, /in reply to you: .*\nand\?$/s);
    assert.equal(telegram.sentTo(group, bot).length, 2);
    await broca.kill('SIGTERM');
  }
});

test('own messages, other bots and Telegram itself are never read', async (t) => {
  const rig = await openTelegramRig(t, { telegram: { access: 'open' }, isUser: true });
  const { telegram, bot: self, owner } = rig;
  const service = telegram.createUser({ id: 777_000, firstName: 'Telegram' });
  const robot = telegram.createBot({ username: 'other_bot' });
  telegram.meet(self, robot);
  await using _broca = await rig.start();
  telegram.pushText(service, self, 'Login code: 12345');
  telegram.pushText(robot, self, 'I am a bot');
  telegram.pushText(self, owner, 'I say this myself, elsewhere');
  telegram.pushText(owner, self, 'hello');
  await telegram.sent({ by: self, to: owner, text: /hello/ });
  assert.deepEqual([telegram.sentTo(service, self), telegram.sentTo(robot, self)], [[], []]);
  assert.equal(telegram.ledger.filter(({ outcome }) => outcome === 'stored').length, 1);
});
