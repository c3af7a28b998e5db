/** What the library never does: its own small client speaks MTProto by hand, and breaks its rules one by one. */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import net from 'node:net';
import test from 'node:test';
import zlib from 'node:zlib';
import { Api } from 'telegram';
import { decryptMessage, encryptMessage } from './crypto/message-cipher.ts';
import { startTelegramDataCentre, type TelegramDataCentre } from './index.ts';
import { createFraming, type Framing, type FramingName } from './wire/framing.ts';
import { bytesOf, int, long, longs, TlReader } from './wire/tl-bytes.ts';

type Heard = { id: bigint; seqNo: number; kind: number; body: TlReader };

const KIND = {
  badMessage: 0xa7eff811,
  badSalt: 0xedab447b,
  newSession: 0x9ec20908,
  acks: 0x62d6b459,
  result: 0xf35c6d01,
  pong: 0x347773c5,
};

/** A client of one key and session. */
class RawClient {
  readonly key: Buffer;
  readonly sessionId: bigint = crypto.randomBytes(8).readBigInt64LE();
  salt = 0n;
  readonly closed: Promise<void>;
  readonly #socket: net.Socket;
  readonly #framing: Framing;
  #waiting = Buffer.alloc(0);
  readonly #heard: Heard[] = [];
  #wake = (): void => {};
  #lastId = 0n;

  constructor(socket: net.Socket, key: Buffer, framing: FramingName) {
    [this.#socket, this.key, this.#framing] = [socket, key, createFraming(framing)];
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => {});
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.resume();
    const tag = { full: '', abridged: 'ef', intermediate: 'eeeeeeee', 'padded-intermediate': 'dddddddd' }[framing];
    socket.write(Buffer.from(tag, 'hex'));
  }

  static async connect(telegram: TelegramDataCentre, session: string, framing: FramingName = 'intermediate'): Promise<RawClient> {
    const socket = net.connect(telegram.proxy.port, telegram.proxy.ip);
    socket.write(Buffer.from([5, 1, 0, 5, 1, 0, 1, 203, 0, 113, 4, 1, 187]));
    for (let left = 12; left > 0; ) {
      const chunk: Buffer | null = socket.read(left);
      if (chunk === null) await new Promise((resolve) => socket.once('readable', resolve));
      else left -= chunk.length;
    }
    return new RawClient(socket, Buffer.from(session.slice(1), 'base64').subarray(-256), framing);
  }

  nextId(aheadMs = 0): bigint {
    const ms = Date.now() + aheadMs;
    const id = (BigInt(Math.floor(ms / 1000)) << 32n) | (BigInt(ms % 1000) << 22n);
    if (aheadMs !== 0) return id;
    this.#lastId = id > this.#lastId ? id : this.#lastId + 4n;
    return this.#lastId;
  }

  message(body: Buffer, seqNo: number, id = this.nextId()): Buffer {
    return Buffer.concat([long(id), int(seqNo), int(body.length), body]);
  }

  send(message: Buffer): void {
    const plain = Buffer.concat([long(this.salt), long(this.sessionId), message]);
    this.write(encryptMessage(this.key, plain, 'from-client'));
  }

  write(packet: Buffer): void {
    this.#socket.write(this.#framing.write(packet));
  }

  raw(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  /** Waits for the next message of this kind, and forgets what came before it. */
  async hear(kind: number): Promise<Heard> {
    for (;;) {
      const at = this.#heard.findIndex((heard) => heard.kind === kind);
      if (at >= 0) return this.#heard.splice(0, at + 1).at(-1) ?? assert.fail();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Learns the salt, as clients do. */
  async greet(): Promise<void> {
    this.send(this.message(ping(1n), 0));
    const { body } = await this.hear(KIND.badSalt);
    body.raw(16);
    this.salt = body.long();
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#waiting = Buffer.concat([this.#waiting, chunk]);
    for (let taken = this.#framing.read(this.#waiting); taken !== null; taken = this.#framing.read(this.#waiting)) {
      this.#waiting = Buffer.from(taken.rest);
      if (taken.packet.length < 24) {
        this.#heard.push({ id: 0n, seqNo: 0, kind: taken.packet.readInt32LE(), body: new TlReader(taken.packet) });
      } else {
        const reader = new TlReader(decryptMessage(this.key, taken.packet, 'from-server') ?? assert.fail('not encrypted with our key'));
        reader.raw(16);
        this.#take(reader);
      }
    }
    this.#wake();
  }

  #take(reader: TlReader): void {
    const [id, seqNo, length] = [reader.long(), reader.int(), reader.int()];
    const body = new TlReader(reader.raw(length));
    const kind = body.id();
    if (kind !== 0x73f1f8dc) this.#heard.push({ id, seqNo, kind, body });
    else for (let left = body.int(); left > 0; left--) this.#take(body);
  }
}

function ping(id: bigint): Buffer {
  return Buffer.concat([int(0x7abe77ec), long(id)]);
}

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
