/** What the library never does: a client that speaks MTProto by hand breaks its rules one by one. */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import test from 'node:test';
import zlib from 'node:zlib';
import { Api } from 'telegram';
import { startTelegramDataCentre, type TelegramDataCentre } from './index.ts';
import { KIND, ping, RawClient } from './raw-client.ts';
import type { FramingName } from './wire/framing.ts';
import { bytesOf, int, long, longs, TlReader } from './wire/tl-bytes.ts';

function getConfig(): Buffer {
  const query = new Api.InitConnection({
    ...{ apiId: 1, deviceModel: 'x', systemVersion: 'x', appVersion: 'x', systemLangCode: 'en', langPack: '', langCode: 'en' },
    query: new Api.help.GetConfig(),
  });
  return new Api.InvokeWithLayer({ layer: 198, query }).getBytes();
}

async function scene(framing?: FramingName): Promise<AsyncDisposable & { telegram: TelegramDataCentre; raw: RawClient; session: string }> {
  const telegram = await startTelegramDataCentre();
  const session = telegram.mintSession(telegram.createBot());
  const raw = await RawClient.connect(telegram, session, framing);
  const end = async (): Promise<void> => {
    raw.close();
    await telegram.close();
  };
  return { telegram, raw, session, [Symbol.asyncDispose]: end };
}

for (const framing of ['full', 'abridged', 'intermediate', 'padded-intermediate'] as const) {
  test(`a ping comes back over the ${framing} transport, after the salt was learnt`, async () => {
    await using here = await scene(framing);
    await here.raw.greet();
    const id = here.raw.nextId();
    here.raw.send(here.raw.message(ping(5n), 0, id));
    await here.raw.hear(KIND.newSession);
    const { body } = await here.raw.hear(KIND.pong);
    assert.deepEqual([body.long(), body.long()], [id, 5n]);
    assert.deepEqual(
      here.telegram.connections.map(({ transport }) => transport),
      [framing],
    );
  });
}

test('an answer is acknowledged, packed when it is long, and comes again when the request does', async () => {
  await using here = await scene();
  await here.raw.greet();
  const id = here.raw.nextId();
  const packed = Buffer.concat([int(0x3072cfa1), bytesOf(zlib.gzipSync(getConfig()))]);
  const request = here.raw.message(packed, 1, id);
  for (let time = 1; time <= 2; time++) {
    here.raw.send(request);
    if (time === 1) assert.deepEqual((await here.raw.hear(KIND.acks)).body.longs(), [id]);
    const { body, seqNo } = await here.raw.hear(KIND.result);
    assert.equal(body.long(), id);
    assert.equal(seqNo % 2, 1);
    const kind = body.id();
    const result = kind === 0x3072cfa1 ? new TlReader(zlib.gunzipSync(body.bytes())).id() : kind;
    assert.equal(result, Api.Config.CONSTRUCTOR_ID);
  }
  assert.equal(here.telegram.requests.length, 1);
});

test('messages that break the rules are refused with the number the protocol has for it', async () => {
  await using here = await scene();
  const { raw } = here;
  await raw.greet();
  const refused = async (message: Buffer): Promise<number> => {
    raw.send(message);
    const { body } = await raw.hear(KIND.badMessage);
    body.raw(12);
    return body.int();
  };
  assert.equal(await refused(raw.message(ping(1n), 0, raw.nextId(-400_000))), 16);
  assert.equal(await refused(raw.message(ping(1n), 0, raw.nextId(60_000))), 17);
  assert.equal(await refused(raw.message(ping(1n), 0, BigInt(Math.floor(Date.now() / 1000)) * 2n ** 32n + 1n)), 18);
  assert.equal(await refused(raw.message(getConfig(), 0)), 35);
  assert.equal(await refused(raw.message(Buffer.concat([int(KIND.acks), longs([])]), 1)), 34);
  const inner = Buffer.concat([int(0x73f1f8dc), int(0)]);
  assert.equal(await refused(raw.message(Buffer.concat([int(0x73f1f8dc), int(1), raw.message(inner, 0)]), 0)), 64);
  const early = raw.nextId();
  raw.send(raw.message(getConfig(), 5));
  await raw.hear(KIND.result);
  assert.equal(await refused(raw.message(getConfig(), 3)), 32);
  assert.equal(await refused(raw.message(getConfig(), 7, early)), 33);
});

test('a broken stream, a wrong check sum and an unknown key end the connection', async () => {
  await using here = await scene('full');
  here.raw.raw(Buffer.from('000000100000000000000000ffffffff', 'hex'));
  await here.raw.closed;
  const nonsense = await RawClient.connect(here.telegram, here.session, 'full');
  nonsense.raw(crypto.randomBytes(64).fill(7, 0, 8));
  await nonsense.closed;
  const stranger = await RawClient.connect(here.telegram, `1${crypto.randomBytes(263).toString('base64')}`);
  stranger.send(stranger.message(ping(1n), 0));
  assert.equal((await stranger.hear(-404)).kind, -404);
  await stranger.closed;
});

test('what was not acknowledged is sent again when the session comes back', async () => {
  await using here = await scene();
  const { raw, telegram, session } = here;
  await raw.greet();
  raw.send(raw.message(getConfig(), 1));
  const first = await raw.hear(KIND.result);
  raw.close();
  const again = await RawClient.connect(telegram, session);
  Object.assign(again, { sessionId: raw.sessionId, salt: raw.salt });
  again.send(again.message(ping(1n), 2));
  assert.equal((await again.hear(KIND.result)).id, first.id);
  again.send(again.message(Buffer.concat([int(KIND.acks), longs([first.id])]), 2));
  again.send(again.message(Buffer.concat([int(0x7d861a08), longs([first.id])]), 2));
  again.send(again.message(ping(2n), 2));
  await again.hear(KIND.pong);
  again.close();
});

test('states, salts, dropped answers and sessions are answered; a ping may set a deadline', async () => {
  await using here = await scene();
  const { raw } = here;
  await raw.greet();
  const ask = async (body: Buffer, kind: number): Promise<TlReader> => {
    raw.send(raw.message(body, 0));
    return (await raw.hear(kind)).body;
  };
  const state = await ask(Buffer.concat([int(0xda69fb52), longs([1n])]), 0x04deb57d);
  state.raw(8);
  assert.deepEqual(state.bytes(), Buffer.from([1]));
  const salts = await ask(Buffer.concat([int(0xb921bd04), int(1)]), 0xae500895);
  salts.raw(24);
  assert.equal(salts.long(), raw.salt);
  const dropped = await ask(Buffer.concat([int(0x58e4a740), long(9n)]), KIND.result);
  dropped.raw(8);
  assert.equal(dropped.id(), 0x5e2ad36e);
  await ask(Buffer.concat([int(0xe7512126), long(3n)]), 0x62d350c9);
  await ask(Buffer.concat([int(0xf3427b8c), long(3n), int(0)]), KIND.pong);
  await raw.closed;
});

test('a request after one that nobody knows waits in vain', async () => {
  await using here = await scene();
  const { raw } = here;
  await raw.greet();
  raw.send(raw.message(getConfig(), 1));
  await raw.hear(KIND.result);
  const late = Buffer.concat([int(0xcb9f372d), long(4n), new Api.help.GetConfig().getBytes()]);
  raw.send(raw.message(late, 3));
  const { body } = await raw.hear(KIND.result);
  body.raw(8);
  assert.equal(body.id(), 0x2144ca19);
  body.int();
  assert.equal(String(body.bytes()), 'MSG_WAIT_TIMEOUT');
});

test('what is no request of this layer is refused, and so is anything before initConnection', async () => {
  await using here = await scene();
  const { raw } = here;
  await raw.greet();
  const refusal = async (body: Buffer, seqNo: number): Promise<string> => {
    raw.send(raw.message(body, seqNo));
    const answer = (await raw.hear(KIND.result)).body;
    answer.raw(16);
    return String(answer.bytes());
  };
  assert.equal(await refusal(new Api.help.GetConfig().getBytes(), 1), 'CONNECTION_NOT_INITED');
  assert.equal(await refusal(Buffer.from('deadbeef', 'hex'), 3), 'INPUT_REQUEST_INVALID');
});
