import assert from 'node:assert/strict';
import test from 'node:test';
import { Api, helpers } from 'telegram';
import { listen, sendText, startTalk, type Talk, textOf } from './talk.ts';
import { createClient } from './test-client.ts';

/** Everything since, over as many slices as it takes. */
async function fetchMissed(
  { bots }: Talk,
  since: Api.updates.State,
): Promise<{ texts: string[]; slices: number; state: Api.updates.State }> {
  const texts: string[] = [];
  let state = since;
  for (let slices = 1; ; slices++) {
    const { pts, date, qts } = state;
    const difference = await bots.client.invoke(new Api.updates.GetDifference({ pts, date, qts }));
    if (difference instanceof Api.updates.DifferenceEmpty) return { texts, slices, state };
    if (difference instanceof Api.updates.DifferenceTooLong) throw new Error('too long');
    for (const message of difference.newMessages) if (message instanceof Api.Message) texts.push(message.message);
    if (difference instanceof Api.updates.Difference) return { texts, slices, state: difference.state };
    state = difference.intermediateState;
  }
}

test('news are pushed in either form, with what they need', async () => {
  for (const pushStyle of ['short', 'full'] as const) {
    await using here = await startTalk({ pushStyle });
    const { telegram, alice, bot } = here;
    const entities = [{ kind: 'Bold', offset: 0, length: 2 }];
    telegram.pushText(alice, bot, 'hello', { entities });
    const update = await here.heard((each) => each.className === (pushStyle === 'short' ? 'UpdateShortMessage' : 'UpdateNewMessage'));
    const message = update instanceof Api.UpdateShortMessage ? update : (update as Api.UpdateNewMessage).message;
    assert.ok(message instanceof Api.UpdateShortMessage || message instanceof Api.Message);
    assert.equal(message.message, 'hello');
    assert.equal(message.entities?.[0]?.className, 'MessageEntityBold');
  }
});

test('edits, deletions and typing are news too', async () => {
  await using here = await startTalk();
  const { telegram, alice, bot } = here;
  const message = telegram.pushText(alice, bot, 'helo');
  telegram.pushEdit(message, 'hello');
  telegram.pushTyping(alice, bot);
  telegram.pushDelete(message);
  const edited = (await here.heard((each) => each instanceof Api.UpdateEditMessage)) as Api.UpdateEditMessage;
  assert.equal(textOf(edited), 'hello');
  await here.heard((each) => each instanceof Api.UpdateUserTyping);
  const deleted = (await here.heard((each) => each instanceof Api.UpdateDeleteMessages)) as Api.UpdateDeleteMessages;
  assert.equal(deleted.messages.length, 1);
});

test('who never asked for anything is pushed nothing', async () => {
  await using here = await startTalk();
  const { telegram, alice, bot } = here;
  await using second = createClient(telegram, telegram.mintSession(bot));
  await second.client.connect();
  const silent = listen(second);
  telegram.pushText(alice, bot, 'one');
  await here.heard((each) => textOf(each) === 'one');
  await second.client.invoke(new Api.updates.GetState());
  telegram.pushText(alice, bot, 'two');
  await silent.heard((each) => textOf(each) === 'two');
  assert.deepEqual(silent.updates.map(textOf).filter(Boolean), ['two']);
});

test('what one session sends, the others hear, and it does not', async () => {
  await using here = await startTalk();
  const { telegram, alice, bot, bots } = here;
  await using second = createClient(telegram, telegram.mintSession(bot));
  await second.client.connect();
  const other = listen(second);
  await second.client.getMe();
  await bots.client.invoke(sendText(alice, 'from the first'));
  const heard = (await other.heard((each) => textOf(each) === 'from the first')) as Api.UpdateNewMessage;
  assert.equal((heard.message as Api.Message).out, true);
  telegram.pushText(alice, bot, 'to both');
  await here.heard((each) => textOf(each) === 'to both');
  assert.deepEqual(here.updates.map(textOf).filter(Boolean), ['to both']);
});

test('what was not pushed is fetched, in order and in slices', async () => {
  await using here = await startTalk({ differenceLimit: 3 });
  const { telegram, alice, bot, bots } = here;
  const state = await bots.client.invoke(new Api.updates.GetState());
  telegram.holdPushes(bot);
  const texts = Array.from({ length: 8 }, (_, index) => `message ${index}`);
  const messages = texts.map((text) => telegram.pushText(alice, bot, text));
  telegram.pushEdit(messages[0] ?? assert.fail(), 'message 0, edited');
  telegram.releasePushes(bot, 'dropped');
  const missed = await fetchMissed(here, state);
  assert.deepEqual(missed.texts, ['message 0, edited', ...texts.slice(1)]);
  assert.equal(missed.slices, 3);
  assert.deepEqual((await fetchMissed(here, missed.state)).texts, []);
  assert.deepEqual(here.updates.map(textOf).filter(Boolean), []);
});

test('pushes come twice, or in the wrong order, when a test wants it so', async () => {
  await using here = await startTalk();
  const { telegram, alice, bot } = here;
  telegram.holdPushes(bot);
  for (const text of ['one', 'two']) telegram.pushText(alice, bot, text);
  telegram.releasePushes(bot, 'reversed');
  await here.heard((each) => textOf(each) === 'one');
  telegram.holdPushes(bot);
  telegram.pushText(alice, bot, 'three');
  telegram.releasePushes(bot, 'twice');
  telegram.pushText(alice, bot, 'four');
  telegram.repeatPushes(bot, 2);
  await here.heard((each) => textOf(each) === 'four', 2);
  assert.deepEqual(here.updates.map(textOf).filter(Boolean), ['two', 'one', 'three', 'three', 'four', 'three', 'four']);
});

test('a state that the service cannot answer from is refused, or too long ago', async () => {
  await using here = await startTalk();
  const { telegram, alice, bot, bots } = here;
  const ask = (pts: number): Promise<Api.updates.TypeDifference> =>
    bots.client.invoke(new Api.updates.GetDifference({ pts, date: 1, qts: 0 }));
  await assert.rejects(ask(0), { errorMessage: 'PERSISTENT_TIMESTAMP_EMPTY' });
  await assert.rejects(ask(1000), { errorMessage: 'PERSISTENT_TIMESTAMP_INVALID' });
  telegram.pushText(alice, bot, 'long ago');
  telegram.forgetUpdates(bot);
  assert.ok((await ask(1)) instanceof Api.updates.DifferenceTooLong);
});

test('a supergroup has a state of its own: pushes, difference, too much missed', async () => {
  await using here = await startTalk({ channelDifferenceLimit: 5 });
  const { telegram, alice, bot, bots } = here;
  const group = telegram.createGroup({ title: 'Together', members: [alice, bot] });
  const mention = [{ kind: 'Mention', offset: 0, length: 11 }];
  telegram.pushText(alice, group, '@helper_bot hello', { entities: mention });
  const heard = (await here.heard((each) => each instanceof Api.UpdateNewChannelMessage)) as Api.UpdateNewChannelMessage;
  assert.equal((heard.message as Api.Message).mentioned, true);
  telegram.holdPushes(bot);
  const state = await bots.client.invoke(new Api.updates.GetState());
  for (let number = 1; number <= 4; number++) telegram.pushText(alice, group, `missed ${number}`);
  telegram.releasePushes(bot, 'dropped');
  const difference = await bots.client.invoke(new Api.updates.GetDifference({ pts: state.pts, date: state.date, qts: 0 }));
  assert.ok(difference instanceof Api.updates.Difference);
  assert.deepEqual(
    difference.otherUpdates.map(({ className }) => className),
    ['UpdateChannelTooLong'],
  );
  const channel = new Api.InputChannel({ channelId: helpers.returnBigInt(group.id), accessHash: helpers.returnBigInt(0) });
  const ask = (): Promise<Api.updates.TypeChannelDifference> =>
    bots.client.invoke(
      new Api.updates.GetChannelDifference({ channel, filter: new Api.ChannelMessagesFilterEmpty(), pts: heard.pts, limit: 100 }),
    );
  const missed = await ask();
  assert.ok(missed instanceof Api.updates.ChannelDifference);
  assert.deepEqual(
    missed.newMessages.map((each) => (each instanceof Api.Message ? each.message : '')),
    ['missed 1', 'missed 2', 'missed 3', 'missed 4'],
  );
  for (let number = 5; number <= 6; number++) telegram.pushText(alice, group, `missed ${number}`);
  assert.ok((await ask()) instanceof Api.updates.ChannelDifferenceTooLong);
  telegram.change(group, { members: [alice.id] });
  await assert.rejects(ask(), { errorMessage: 'CHANNEL_PRIVATE' });
});
