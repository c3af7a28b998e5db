/** Temporary keys and their binding (perfect forward secrecy), by hand: one of the two libraries never makes any. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Api, helpers } from 'telegram';
import { authKeyId } from './crypto/message-cipher.ts';
import { startTelegramDataCentre, type TelegramDataCentre } from './index.ts';
import { KIND, ping, RawClient } from './raw-client.ts';
import { agreeOnTemporaryKey, type Binding, sealBinding } from './raw-exchange.ts';
import type { Account } from './world/model.ts';

const RPC_ERROR = 0x2144ca19;
const BOOL_TRUE = 0x997275b5;
const DAY_S = 86_400;

type Scene = AsyncDisposable & { telegram: TelegramDataCentre; bot: Account; raw: RawClient; permanentKey: Buffer };

/** A client with a temporary key that is bound to none, and a permanent key of somebody who is logged in. */
async function scene(): Promise<Scene> {
  const telegram = await startTelegramDataCentre();
  const bot = telegram.createBot({ username: 'helper_bot' });
  const permanentKey = Buffer.from(telegram.mintSession(bot).slice(1), 'base64').subarray(-256);
  const raw = await RawClient.connect(telegram, '');
  await agreeOnTemporaryKey(raw, telegram, 4, DAY_S);
  const end = async (): Promise<void> => {
    raw.close();
    await telegram.close();
  };
  return { telegram, bot, raw, permanentKey, [Symbol.asyncDispose]: end };
}

/** The answer's kind, or the error's words. */
async function ask(raw: RawClient, request: { getBytes(): Buffer }, id = raw.nextId()): Promise<number | string> {
  raw.send(raw.message(request.getBytes(), raw.nextSeqNo(), id));
  const { body } = await raw.hear(KIND.result);
  body.raw(8);
  const kind = body.id();
  if (kind !== RPC_ERROR) return kind;
  body.int();
  return String(body.bytes());
}

/** What a client binds with; `slip` changes what it says outside of the sealed message, `sealed` what it says inside. */
async function bind({ raw, permanentKey }: Scene, slip: { expiresAt?: number } = {}, sealed: Partial<Binding> = {}, key = permanentKey) {
  const expiresAt = slip.expiresAt ?? Math.floor(Date.now() / 1000) + DAY_S;
  const messageId = raw.nextId();
  const binding = { nonce: 77n, temporaryKey: raw.key, sessionId: raw.sessionId, expiresAt, messageId, ...sealed };
  const request = new Api.auth.BindTempAuthKey({
    permAuthKeyId: helpers.returnBigInt(String(BigInt.asIntN(64, authKeyId(permanentKey)))),
    nonce: helpers.returnBigInt('77'),
    expiresAt,
    encryptedMessage: sealBinding(key, binding),
  });
  return await ask(raw, request, messageId);
}

function initConnection(query: Api.AnyRequest): Api.InvokeWithLayer {
  const client = { apiId: 1, deviceModel: 'x', systemVersion: 'x', appVersion: 'x', systemLangCode: 'en', langPack: '', langCode: 'en' };
  return new Api.InvokeWithLayer({ layer: 198, query: new Api.InitConnection({ ...client, query }) });
}

const whoAmI = new Api.users.GetUsers({ id: [new Api.InputUserSelf()] });

test('a temporary key is good for nothing before it is bound; then it stands for its permanent one', async () => {
  await using here = await scene();
  const { telegram, bot, raw } = here;
  assert.equal(await ask(raw, initConnection(new Api.help.GetConfig())), 'AUTH_KEY_PERM_EMPTY');
  assert.equal(await bind(here), BOOL_TRUE);
  assert.equal(await bind(here), BOOL_TRUE, 'once more');
  assert.notEqual(await ask(raw, initConnection(whoAmI)), 'AUTH_KEY_UNREGISTERED');
  assert.deepEqual(
    telegram.connections.map(({ account }) => account?.id),
    [bot.id],
  );
  telegram.revokeSessions(bot);
  assert.equal(await ask(raw, whoAmI), 'SESSION_REVOKED');
});

test('a client says who it is with each key of its own', async () => {
  await using here = await scene();
  await bind(here);
  assert.equal(await ask(here.raw, whoAmI), 'CONNECTION_NOT_INITED');
});

test('a login through a temporary key belongs to its permanent one', async () => {
  await using here = await scene();
  const { telegram, bot, raw } = here;
  const nobody = Buffer.from(telegram.mintSession(null).slice(1), 'base64').subarray(-256);
  assert.equal(await bind({ ...here, permanentKey: nobody }), BOOL_TRUE);
  const { id: apiId, hash: apiHash } = telegram.app;
  await ask(raw, initConnection(new Api.auth.ImportBotAuthorization({ flags: 0, apiId, apiHash, botAuthToken: bot.token ?? '' })));
  telegram.expireTemporaryKeys(bot);
  raw.send(raw.message(ping(1n), 0));
  await raw.hear(-404);
  const permanent = await RawClient.connect(telegram, `1${nobody.toString('base64')}`);
  await permanent.greet();
  assert.notEqual(await ask(permanent, initConnection(whoAmI)), 'AUTH_KEY_UNREGISTERED');
  permanent.close();
});

test('a binding that is not made as it must be is refused', async () => {
  await using here = await scene();
  const { telegram, raw } = here;
  const other = Buffer.from(telegram.mintSession(null).slice(1), 'base64').subarray(-256);
  const invalid = 'ENCRYPTED_MESSAGE_INVALID';
  assert.equal(await bind(here, {}, {}, other), invalid, 'sealed with another key');
  for (const sealed of [{ nonce: 78n }, { temporaryKey: other }, { sessionId: 1n }, { expiresAt: 1 }, { messageId: 4n }]) {
    assert.equal(await bind(here, {}, sealed), invalid, Object.keys(sealed)[0]);
  }
  assert.equal(await bind(here, { expiresAt: Math.floor(Date.now() / 1000) - 10 }), 'EXPIRES_AT_INVALID');
  assert.equal(await bind(here), BOOL_TRUE);
  assert.equal(await bind({ ...here, permanentKey: other }), 'TEMP_AUTH_KEY_ALREADY_BOUND');
  const permanent = await RawClient.connect(telegram, `1${other.toString('base64')}`);
  await permanent.greet();
  assert.equal(await bind({ ...here, raw: permanent }), 'TEMP_AUTH_KEY_EMPTY');
  permanent.close();
  raw.close();
});
