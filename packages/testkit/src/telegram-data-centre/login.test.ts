import assert from 'node:assert/strict';
import test from 'node:test';
import { Api } from 'telegram';
import { ConnectionTCPAbridged, ConnectionTCPFull, ConnectionTCPObfuscated } from 'telegram/network/connection/index.js';
import { startTelegramDataCentre, type TelegramDataCentre } from './index.ts';
import { createClient } from './test-client.ts';
import type { Account } from './world/model.ts';

for (const [name, connection] of [
  ['full', ConnectionTCPFull],
  ['abridged', ConnectionTCPAbridged],
  ['obfuscated abridged', ConnectionTCPObfuscated],
] as const) {
  test(`a bot agrees on a key and logs in over the ${name} transport`, async () => {
    await using telegram = await startTelegramDataCentre();
    telegram.trustInThisProcess();
    const bot = telegram.createBot({ username: 'helper_bot' });
    await using bots = createClient(telegram, '', { connection, requestRetries: 3 });
    await bots.client.start({ botAuthToken: bot.token ?? '' });
    assert.equal((await bots.client.getMe()).username, 'helper_bot');
    const own = telegram.connections.filter(({ account }) => account?.id === bot.id);
    assert.deepEqual(
      own.map(({ transport, dcId }) => [transport, dcId]),
      [[name, 4]],
    );
  });
}

test('what a login left in the session string is enough to come back, without another exchange', async () => {
  await using telegram = await startTelegramDataCentre();
  telegram.trustInThisProcess();
  const bot = telegram.createBot();
  let kept = '';
  {
    await using first = createClient(telegram, '', { requestRetries: 3 });
    await first.client.start({ botAuthToken: bot.token ?? '' });
    kept = first.session.save();
  }
  await using again = createClient(telegram, kept);
  await again.client.connect();
  assert.equal(await again.client.checkAuthorization(), true);
  assert.equal(telegram.requests.filter(({ method, outcome }) => method === 'auth.importBotAuthorization' && outcome === 'ok').length, 1);
});

test('a wrong token, and a wrong app, are refused', async () => {
  await using telegram = await startTelegramDataCentre();
  const bot = telegram.createBot();
  await using bots = createClient(telegram, telegram.mintSession(null));
  await bots.client.connect();
  const { id: apiId, hash: apiHash } = telegram.app;
  const logIn = (botAuthToken: string, hash = apiHash): Promise<unknown> =>
    bots.client.invoke(new Api.auth.ImportBotAuthorization({ apiId, apiHash: hash, botAuthToken }));
  await assert.rejects(logIn('nonsense'), { errorMessage: 'ACCESS_TOKEN_INVALID' });
  await assert.rejects(logIn(`123:${'x'.repeat(35)}`), { errorMessage: 'ACCESS_TOKEN_EXPIRED' });
  await assert.rejects(logIn(bot.token ?? '', 'another'), { errorMessage: 'API_ID_INVALID' });
  assert.equal(await bots.client.checkAuthorization(), false);
});

/** Logs in as a person does, on a session that has a key already. */
async function logIn(telegram: TelegramDataCentre, user: Account, codes: string[], passwords: string[] = []): Promise<string[]> {
  await using people = createClient(telegram, telegram.mintSession(null));
  const errors: string[] = [];
  await people.client.start({
    phoneNumber: `+${user.phone}`,
    phoneCode: async () => codes.shift() ?? telegram.codeFor(user.phone ?? '') ?? '',
    password: async () => passwords.shift() ?? '',
    onError: (error) => {
      errors.push('errorMessage' in error ? String(error.errorMessage) : error.message);
    },
  });
  assert.equal(String((await people.client.getMe()).id), String(user.id));
  return errors;
}

test('a person logs in with a code; a wrong one can be corrected', async () => {
  await using telegram = await startTelegramDataCentre();
  const alice = telegram.createUser({ phone: '+99 966 2 12345' });
  assert.deepEqual(await logIn(telegram, alice, []), []);
  assert.deepEqual(await logIn(telegram, alice, ['1']), ['PHONE_CODE_INVALID']);
});

test('a person with a password needs it after the code, and may try again', async () => {
  await using telegram = await startTelegramDataCentre();
  const alice = telegram.createUser({ password: 'swordfish' });
  assert.deepEqual(await logIn(telegram, alice, [], ['herring', 'swordfish']), ['PASSWORD_HASH_INVALID']);
});

test('a code is old after five minutes; an unknown phone is asked to sign up; nonsense is no phone', async () => {
  await using telegram = await startTelegramDataCentre();
  const alice = telegram.createUser();
  await using people = createClient(telegram, telegram.mintSession(null));
  await people.client.connect();
  const sent = await people.client.sendCode({ apiId: telegram.app.id, apiHash: telegram.app.hash }, alice.phone ?? '');
  telegram.advance(301_000);
  const signIn = new Api.auth.SignIn({ phoneNumber: alice.phone ?? '', ...sent, phoneCode: telegram.codeFor(alice.phone ?? '') ?? '' });
  await assert.rejects(people.client.invoke(signIn), { errorMessage: 'PHONE_CODE_EXPIRED' });
  const app = { apiId: telegram.app.id, apiHash: telegram.app.hash };
  await assert.rejects(people.client.sendCode(app, '12'), { errorMessage: 'PHONE_NUMBER_INVALID' });
  const stranger = '9996600000';
  const { phoneCodeHash } = await people.client.sendCode(app, stranger);
  const signUp = new Api.auth.SignIn({ phoneNumber: stranger, phoneCodeHash, phoneCode: telegram.codeFor(stranger) ?? '' });
  assert.equal((await people.client.invoke(signUp)).className, 'auth.AuthorizationSignUpRequired');
});

// The library keeps the old data centre's key when it began with one in the session string: only an empty session can move.
test('a login is sent to the data centre that keeps the account', async () => {
  await using telegram = await startTelegramDataCentre();
  telegram.trustInThisProcess();
  const dcId = await otherThanFirst(telegram);
  const bot = telegram.createBot({ dcId });
  await using bots = createClient(telegram, '', { requestRetries: 3 });
  await bots.client.start({ botAuthToken: bot.token ?? '' });
  assert.equal(bots.session.dcId, dcId);
  const alice = telegram.createUser({ dcId });
  await using people = createClient(telegram, '', { requestRetries: 3 });
  await people.client.start({
    phoneNumber: alice.phone ?? '',
    phoneCode: async () => telegram.codeFor(alice.phone ?? '') ?? '',
    onError: async () => true,
  });
  assert.equal(people.session.dcId, dcId);
  assert.deepEqual(
    telegram.requests.filter(({ outcome }) => outcome?.includes('MIGRATE')).map(({ method, outcome }) => `${method} ${outcome}`),
    [`auth.importBotAuthorization USER_MIGRATE_${dcId}`, `auth.sendCode PHONE_MIGRATE_${dcId}`],
  );
});

/** Where no client goes by itself that has no session yet: one goes to 4, another to 2. */
async function otherThanFirst(telegram: TelegramDataCentre): Promise<number> {
  await using newcomer = createClient(telegram, '');
  await newcomer.client.connect();
  return newcomer.session.dcId === 4 ? 2 : 4;
}

test('after logging out the key is nobody’s', async () => {
  await using telegram = await startTelegramDataCentre();
  const bot = telegram.createBot();
  await using bots = createClient(telegram, telegram.mintSession(bot));
  await bots.client.connect();
  assert.equal(await bots.client.checkAuthorization(), true);
  await bots.client.invoke(new Api.auth.LogOut());
  await assert.rejects(bots.client.getMe(), { errorMessage: 'AUTH_KEY_UNREGISTERED' });
});
