import assert from 'node:assert/strict';
import test from 'node:test';
import { Api, helpers } from 'telegram';
import { Logger, LogLevel } from 'telegram/extensions/Logger.js';
import { sendText, startTalk, textOf } from './talk.ts';
import { createClient } from './test-client.ts';

const SEND = { method: 'messages.sendMessage' };

test('a request that is refused once goes through the next time', async () => {
  await using here = await startTalk();
  const { telegram, alice, bot, bots } = here;
  const fault = telegram.fault({ ...SEND, account: bot, kind: 'refuse', code: 420, error: 'FLOOD_WAIT_7' });
  await assert.rejects(bots.client.invoke(sendText(alice, 'x')), { seconds: 7 });
  assert.equal((await fault.fired).method, 'messages.sendMessage');
  await bots.client.invoke(sendText(alice, 'x'));
  assert.equal(telegram.sentTo(alice, bot).length, 1);
});

test('a connection that breaks before the request is carried out: the client sends it again, once', async () => {
  await using here = await startTalk();
  const { telegram, alice, bot, bots } = here;
  telegram.fault({ ...SEND, kind: 'drop-before' });
  await bots.client.invoke(sendText(alice, 'x'));
  assert.deepEqual(
    telegram.ledger.map(({ outcome }) => outcome),
    ['stored'],
  );
  assert.equal(telegram.sentTo(alice, bot).length, 1);
});

test('a connection that breaks after the request was carried out: the second sending is a duplicate', async () => {
  await using here = await startTalk();
  const { telegram, alice, bots } = here;
  telegram.fault({ ...SEND, kind: 'drop-after' });
  await assert.rejects(bots.ask(sendText(alice, 'x')), { errorMessage: 'RANDOM_ID_DUPLICATE' });
  assert.deepEqual(
    telegram.ledger.map(({ outcome }) => outcome),
    ['stored', 'duplicate'],
  );
});

test('an answer that is lost leaves the client waiting; asking again with the same random id tells', async () => {
  await using here = await startTalk();
  const { telegram, alice, bot, bots } = here;
  telegram.fault({ ...SEND, kind: 'lose-answer' });
  const randomId = helpers.returnBigInt(77);
  const waiting = bots.ask(sendText(alice, 'x', { randomId })).then(
    () => 'answered',
    () => 'failed',
  );
  await telegram.sent({ to: alice, by: bot });
  await assert.rejects(bots.ask(sendText(alice, 'x', { randomId })), { errorMessage: 'RANDOM_ID_DUPLICATE' });
  telegram.disconnect(bot);
  assert.equal(await waiting, 'failed');
  assert.equal(telegram.sentTo(alice, bot).length, 1);
});

test('a request is held, and one is ignored', async () => {
  await using here = await startTalk();
  const { telegram, alice, bot, bots } = here;
  const fault = telegram.fault({ ...SEND, kind: 'hold' });
  const sending = bots.client.invoke(sendText(alice, 'held'));
  await fault.fired;
  assert.equal(telegram.sentTo(alice, bot).length, 0);
  fault.release();
  await sending;
  assert.equal(telegram.sentTo(alice, bot).length, 1);
  // A request that no client makes by itself.
  const ignored = telegram.fault({ method: 'help.getNearestDc', kind: 'ignore' });
  void bots.ask(new Api.help.GetNearestDc()).catch(() => {});
  assert.equal((await ignored.fired).method, 'help.getNearestDc');
  assert.equal((await telegram.answered({ method: 'help.getNearestDc' })).outcome, 'lost');
});

for (const how of ['close', 'reset'] as const) {
  test(`a client comes back after its connection ended (${how}), and hears what is new`, async () => {
    await using here = await startTalk();
    const { telegram, alice, bot } = here;
    telegram.disconnect(bot, how);
    await telegram.offline(bot);
    await telegram.online(bot);
    telegram.pushText(alice, bot, 'still there?');
    await here.heard((each) => textOf(each) === 'still there?');
  });
}

test('the data centre goes away and comes back, on the same port, with everything it knew', async () => {
  await using here = await startTalk();
  const { telegram, alice, bot, bots } = here;
  const before = telegram.proxy.port;
  await telegram.goOffline();
  telegram.pushText(alice, bot, 'while you were gone');
  await telegram.goOnline();
  assert.equal(telegram.proxy.port, before);
  await telegram.online(bot);
  const difference = await bots.client.invoke(new Api.updates.GetDifference({ pts: 2, date: 1, qts: 0 }));
  assert.ok(difference instanceof Api.updates.Difference);
  assert.equal((difference.newMessages[0] as Api.Message).message, 'while you were gone');
});

test('a new salt is learnt on the way', async () => {
  await using here = await startTalk();
  const { telegram, alice, bot, bots } = here;
  telegram.changeSalt(bot);
  await bots.client.invoke(sendText(alice, 'x'));
  assert.equal(telegram.sentTo(alice, bot).length, 1);
});

/** Tells when the library writes what fits. */
class Ears extends Logger {
  readonly heard: Promise<void>;
  readonly #hear: () => void;
  readonly #wanted: RegExp;

  constructor(wanted: RegExp) {
    super(LogLevel.WARN);
    const { promise, resolve } = Promise.withResolvers<void>();
    [this.heard, this.#hear, this.#wanted] = [promise, resolve, wanted];
  }

  override log(_level: LogLevel, message: string): void {
    if (this.#wanted.test(message)) this.#hear();
  }
}

test('a key that the data centre forgot: the client sees it, tells nobody, and never connects', async () => {
  await using here = await startTalk();
  const { telegram, bot } = here;
  const session = telegram.mintSession(bot);
  telegram.forgetKeys(bot);
  const ears = new Ears(/Broken authorization key for dc 4/);
  await using lost = createClient(telegram, session, { baseLogger: ears });
  void lost.client.connect().then(
    () => assert.fail('connected without a key'),
    () => undefined,
  );
  await ears.heard;
  assert.equal(await Promise.race([lost.client.getMe(), Promise.resolve('pending')]), 'pending');
});

test('sessions that are revoked, unregistered or deactivated say so', async () => {
  await using here = await startTalk();
  const { telegram, bot, bots } = here;
  telegram.revokeSessions(bot);
  await assert.rejects(bots.client.getMe(), { errorMessage: 'SESSION_REVOKED', code: 401 });
  for (const reason of ['AUTH_KEY_UNREGISTERED', 'USER_DEACTIVATED'] as const) {
    telegram.unregisterSessions(bot, reason);
    await assert.rejects(bots.client.getMe(), { errorMessage: reason, code: 401 });
  }
});

test('a session used from two places at once is dead in both', async () => {
  await using here = await startTalk();
  const { telegram, bot, bots } = here;
  const session = telegram.mintSession(bot);
  await using one = createClient(telegram, session);
  await one.client.connect();
  await one.client.getMe();
  await using same = createClient(telegram, session);
  await same.client.connect();
  await same.client.getMe();
  await using two = createClient(telegram, session, { proxy: await telegram.openProxy('198.51.100.7') });
  await assert.rejects(two.client.connect(), { errorMessage: 'AUTH_KEY_DUPLICATED', code: 406 });
  await assert.rejects(one.client.getMe(), { errorMessage: 'AUTH_KEY_DUPLICATED', code: 406 });
  await bots.client.getMe();
  telegram.useElsewhere(bot);
  await assert.rejects(bots.client.getMe(), { errorMessage: 'AUTH_KEY_DUPLICATED', code: 406 });
});

test('the proxy wants its login when it has one', async () => {
  await using here = await startTalk({ proxyLogin: { username: 'animus', password: 'secret' } });
  const { telegram, bot } = here;
  const { username: _, password: __, ...anonymous } = telegram.proxy;
  await using stranger = createClient(telegram, telegram.mintSession(bot), { proxy: anonymous, connectionRetries: 1 });
  // Said in one way or the other.
  assert.equal(await stranger.client.connect().catch(() => false), false);
});

test('what a client acknowledges is forgotten', async () => {
  await using here = await startTalk();
  const { telegram, alice, bot, bots } = here;
  telegram.pushText(alice, bot, 'one');
  await here.heard((each) => textOf(each) === 'one');
  // Acknowledgements travel with the next request; its own answer stays open until the one after.
  await bots.client.getMe();
  await bots.client.getMe();
  assert.ok(telegram.unacknowledged(bot) <= 2, `${telegram.unacknowledged(bot)} are open`);
});
