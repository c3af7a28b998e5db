/**
 * A client of tests that speaks MTProto by hand, one key and one session: it does what the library never does, and nothing by
 * itself.
 */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import net from 'node:net';
import { decryptMessage, encryptMessage } from './crypto/message-cipher.ts';
import type { TelegramDataCentre } from './index.ts';
import { createFraming, type Framing, type FramingName } from './wire/framing.ts';
import { int, long, TlReader } from './wire/tl-bytes.ts';

export type Heard = { id: bigint; seqNo: number; kind: number; body: TlReader };

export const KIND = {
  badMessage: 0xa7eff811,
  badSalt: 0xedab447b,
  newSession: 0x9ec20908,
  acks: 0x62d6b459,
  result: 0xf35c6d01,
  pong: 0x347773c5,
};

/** A client of one key and session. */
export class RawClient {
  key: Buffer;
  readonly sessionId: bigint = crypto.randomBytes(8).readBigInt64LE();
  salt = 0n;
  readonly closed: Promise<void>;
  readonly #socket: net.Socket;
  readonly #framing: Framing;
  #waiting = Buffer.alloc(0);
  readonly #heard: Heard[] = [];
  #wake = (): void => {};
  #lastId = 0n;
  #content = 0;

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

  /** Of the next message that is content. */
  nextSeqNo(): number {
    this.#content += 1;
    return this.#content * 2 - 1;
  }

  message(body: Buffer, seqNo: number, id: bigint = this.nextId()): Buffer {
    return Buffer.concat([long(id), int(seqNo), int(body.length), body]);
  }

  send(message: Buffer): void {
    const plain = Buffer.concat([long(this.salt), long(this.sessionId), message]);
    this.write(encryptMessage(this.key, plain, 'from-client'));
  }

  /** Without a key, as keys are agreed on. */
  sendPlain(body: Buffer): void {
    this.write(Buffer.concat([long(0n), long(this.nextId()), int(body.length), body]));
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
      } else if (taken.packet.readBigUInt64LE() === 0n) {
        const body = new TlReader(taken.packet.subarray(20));
        this.#heard.push({ id: taken.packet.readBigInt64LE(8), seqNo: 0, kind: body.id(), body });
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

export function ping(id: bigint): Buffer {
  return Buffer.concat([int(0x7abe77ec), long(id)]);
}
