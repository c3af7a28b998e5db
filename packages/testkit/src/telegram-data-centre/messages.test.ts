import assert from 'node:assert/strict';
import test from 'node:test';
import { Api, helpers } from 'telegram';
import { sendText, startTalk } from './talk.ts';

test('a text with entities is stored as it was meant, and answered in either form', async () => {
  for (const sentAnswer of ['short', 'full'] as const) {
    await using here = await startTalk({ sentAnswer });
    const { telegram, alice, bot, bots } = here;
    const asked = telegram.pushText(alice, bot, 'How?');
    const answered = telegram.history(bot, alice).at(-1);
    const sent = await bots.client.sendMessage(alice.id, {
      ...{ message: 'Look: print("😀")', parseMode: false, replyTo: answered?.id ?? 0 },
      formattingEntities: [
        new Api.MessageEntityBold({ offset: 0, length: 5 }),
        new Api.MessageEntityPre({ offset: 6, length: 11, language: 'python' }),
      ],
    });
    assert.equal(sent.message, 'Look: print("😀")');
    const [stored] = telegram.history(alice, bot).slice(-1);
    assert.equal(stored?.text, 'Look: print("😀")');
    assert.equal(stored?.replyTo, asked.id);
    assert.deepEqual(stored?.entities, [
      { kind: 'Bold', offset: 0, length: 5 },
      { kind: 'Pre', offset: 6, length: 11, language: 'python' },
    ]);
  }
});

test('a random id is good once, for as long as it is remembered', async () => {
  await using here = await startTalk({ randomIdMemoryMs: 60_000 });
  const { telegram, alice, bot, bots } = here;
  const randomId = helpers.returnBigInt('-1234567890123');
  await bots.ask(sendText(alice, 'once', { randomId }));
  await assert.rejects(bots.ask(sendText(alice, 'once', { randomId })), { errorMessage: 'RANDOM_ID_DUPLICATE', code: 500 });
  telegram.advance(61_000);
  await bots.client.invoke(sendText(alice, 'once', { randomId }));
  assert.deepEqual(
    telegram.ledger.map(({ outcome, randomId: id, text: words }) => [outcome, id, words]),
    [
      ['stored', -1_234_567_890_123n, 'once'],
      ['duplicate', -1_234_567_890_123n, 'once'],
      ['stored', -1_234_567_890_123n, 'once'],
    ],
  );
  assert.equal(telegram.sentTo(alice, bot).length, 2);
});

test('what the service would refuse is refused', async () => {
  await using here = await startTalk();
  const { telegram, alice, bot, bots } = here;
  const stranger = telegram.createUser();
  const other = telegram.createBot();
  const refuses = (request: Api.messages.SendMessage, errorMessage: string): Promise<void> =>
    assert.rejects(bots.client.invoke(request), { errorMessage });
  await refuses(sendText(alice, 'x'.repeat(4097)), 'MESSAGE_TOO_LONG');
  await refuses(sendText(alice, ' \n '), 'MESSAGE_EMPTY');
  await refuses(sendText(alice, 'x', { entities: [new Api.MessageEntityBold({ offset: 0, length: 2 })] }), 'ENTITY_BOUNDS_INVALID');
  await refuses(sendText(alice, '😀', { entities: [new Api.MessageEntityBold({ offset: 0, length: 1 })] }), 'ENTITY_BOUNDS_INVALID');
  await refuses(sendText(alice, 'x', { replyTo: new Api.InputReplyToMessage({ replyToMsgId: 99 }) }), 'REPLY_MESSAGE_ID_INVALID');
  await refuses(sendText(stranger, 'x'), 'PEER_ID_INVALID');
  await refuses(sendText(other, 'x'), 'PEER_ID_INVALID');
  telegram.block(alice, bot);
  await refuses(sendText(alice, 'x'), 'USER_IS_BLOCKED');
  telegram.unblock(alice, bot);
  await bots.client.invoke(sendText(alice, 'x'.repeat(4096)));
  assert.equal(telegram.sentTo(alice, bot).length, 1);
});

test('only who is in a group and may write there can write there; slow mode makes everybody else wait', async () => {
  await using here = await startTalk();
  const { telegram, alice, bot, bots } = here;
  const slow = telegram.createGroup({ title: 'Slow', members: [alice, bot], slowModeSeconds: 30 });
  const silent = telegram.createGroup({ title: 'Silent', members: [alice, bot] });
  telegram.change(silent, { muted: [bot.id] });
  const basic = telegram.createGroup({ title: 'Basic', members: [alice, bot], kind: 'group' });
  telegram.pushText(alice, slow, 'hello');
  telegram.pushText(alice, silent, 'hello');
  const dialogs = await Promise.all([slow, silent].map(({ id }) => bots.client.getEntity(helpers.returnBigInt(`-100${id}`))));
  const [inSlow, inSilent] = dialogs;
  await bots.client.sendMessage(inSlow ?? '', { message: 'one' });
  await assert.rejects(bots.client.sendMessage(inSlow ?? '', { message: 'two' }), { seconds: 30 });
  telegram.advance(30_000);
  await bots.client.sendMessage(inSlow ?? '', { message: 'two' });
  await assert.rejects(bots.client.sendMessage(inSilent ?? '', { message: 'x' }), { errorMessage: 'CHAT_WRITE_FORBIDDEN', code: 403 });
  await bots.client.sendMessage(helpers.returnBigInt(-basic.id), { message: 'all of you' });
  assert.deepEqual(
    telegram.sentTo(slow, bot).map((entry) => entry.text),
    ['one', 'two'],
  );
  assert.equal(telegram.history(alice, basic).at(-1)?.text, 'all of you');
});

test('a flood wait counts down, for one chat or for all', async () => {
  await using here = await startTalk();
  const { telegram, alice, bot, bots } = here;
  const bert = telegram.createUser();
  telegram.meet(bert, bot);
  telegram.floodWait(bot, 20, alice);
  await assert.rejects(bots.client.invoke(sendText(alice, 'x')), { seconds: 20 });
  await bots.client.invoke(sendText(bert, 'x'));
  telegram.advance(12_000);
  await assert.rejects(bots.client.invoke(sendText(alice, 'x')), { seconds: 8 });
  telegram.advance(8000);
  await bots.client.invoke(sendText(alice, 'x'));
  assert.deepEqual(
    telegram.ledger.filter(({ outcome }) => outcome === 'refused').map(({ error }) => error),
    ['FLOOD_WAIT_20', 'FLOOD_WAIT_8'],
  );
});

test('a message is edited and read again; typing is seen; names are resolved', async () => {
  await using here = await startTalk();
  const { telegram, alice, bot, bots } = here;
  const sent = await bots.client.sendMessage('alice', { message: 'first' });
  await bots.client.editMessage('alice', { message: sent.id, text: 'second' });
  assert.equal(telegram.history(alice, bot).at(-1)?.text, 'second');
  const [read] = await bots.client.getMessages('alice', { ids: sent.id });
  assert.equal(read?.message, 'second');
  await bots.client.invoke(new Api.messages.SetTyping({ peer: 'alice', action: new Api.SendMessageTypingAction() }));
  assert.deepEqual(
    telegram.typing.map(({ by, chat, action }) => [by, chat?.id, action]),
    [[bot.id, alice.id, 'SendMessageTypingAction']],
  );
  await assert.rejects(bots.client.invoke(new Api.contacts.ResolveUsername({ username: 'nobody_here' })), {
    errorMessage: 'USERNAME_NOT_OCCUPIED',
  });
  await assert.rejects(bots.client.invoke(new Api.messages.GetHistory({ peer: 'alice', limit: 1 })), {
    errorMessage: 'BOT_METHOD_INVALID',
  });
  const full = await bots.client.invoke(new Api.users.GetFullUser({ id: 'alice' }));
  assert.equal(String(full.fullUser.id), String(alice.id));
});
