/**
 * How client and server agree on an auth key (https://core.telegram.org/mtproto/auth_key): unencrypted messages, one exchange
 * per connection at a time. Every check of the server is made; what fails one ends the connection.
 */
import crypto from 'node:crypto';
import { decryptIge, encryptIge } from '../crypto/aes-ige.ts';
import { DH_BASE, DH_BYTES, DH_PRIME, fromBytes, isGoodPublicValue, modPow, toBytes } from '../crypto/big.ts';
import { sha1 } from '../crypto/hash.ts';
import { decryptRsaPad, type ServerKey } from '../crypto/server-key.ts';
import { bytesOf, int, longs, TlReader } from '../wire/tl-bytes.ts';

export const REQ_PQ_MULTI = 0xbe7e8ef1;
const REQ_PQ = 0x60469778;
const RES_PQ = 0x05162463;
const REQ_DH_PARAMS = 0xd712e4be;
const SERVER_DH_PARAMS_OK = 0xd0e8075c;
const SERVER_DH_INNER_DATA = 0xb5890dba;
const SET_CLIENT_DH_PARAMS = 0xf5045f1f;
const CLIENT_DH_INNER_DATA = 0x6643b654;
const DH_GEN_OK = 0x3bcbf734;

/** p_q_inner_data and its kinds: whether they name a data centre, and a time after which the key ends. */
const INNER_DATA: ReadonlyMap<number, { hasDc: boolean; isTemporary: boolean }> = new Map([
  [0x83c95aec, { hasDc: false, isTemporary: false }],
  [0xa9f55f95, { hasDc: true, isTemporary: false }],
  [0x3c6a84d4, { hasDc: false, isTemporary: true }],
  [0x56fddf88, { hasDc: true, isTemporary: true }],
]);

/** The client broke the protocol. */
export class ExchangeError extends Error {}

export type AgreedKey = {
  key: Buffer;
  /** The first server salt follows from the nonces. */
  salt: bigint;
  /** Seconds a temporary key is to live; null for a permanent one. */
  expiresIn: number | null;
};

export type ExchangeStep = { answer: Buffer; agreed: AgreedKey | null };

type Stage =
  | { kind: 'start' }
  | { kind: 'asked'; nonce: Buffer; serverNonce: Buffer; p: bigint; q: bigint }
  | { kind: 'offered'; nonce: Buffer; serverNonce: Buffer; newNonce: Buffer; secret: bigint; expiresIn: number | null };

export class KeyExchange {
  readonly #serverKey: ServerKey;
  readonly #dcId: number;
  #stage: Stage = { kind: 'start' };

  constructor(serverKey: ServerKey, dcId: number) {
    this.#serverKey = serverKey;
    this.#dcId = dcId;
  }

  /** Answers one unencrypted message. `now` in ms. */
  step(body: Buffer, now: number): ExchangeStep {
    const reader = new TlReader(body);
    const id = reader.id();
    switch (id) {
      case REQ_PQ:
      case REQ_PQ_MULTI:
        return { answer: this.#ask(reader), agreed: null };
      case REQ_DH_PARAMS:
        return { answer: this.#offer(reader, now), agreed: null };
      case SET_CLIENT_DH_PARAMS:
        return this.#agree(reader);
      default:
        throw new ExchangeError(`constructor 0x${id.toString(16)} is not for the exchange of keys`);
    }
  }

  #ask(reader: TlReader): Buffer {
    const nonce = reader.raw(16);
    const serverNonce = crypto.randomBytes(16);
    const [a, b] = [smallPrime(), smallPrime()];
    const [p, q] = a < b ? [a, b] : [b, a];
    this.#stage = { kind: 'asked', nonce, serverNonce, p, q };
    return Buffer.concat([int(RES_PQ), nonce, serverNonce, bytesOf(toBytes(p * q, 8)), longs([this.#serverKey.fingerprint])]);
  }

  #offer(reader: TlReader, now: number): Buffer {
    const stage = this.#stage;
    if (stage.kind !== 'asked') throw new ExchangeError('req_DH_params before req_pq_multi');
    const { nonce, serverNonce, p, q } = stage;
    requireSame(reader.raw(16), nonce, 'nonce');
    requireSame(reader.raw(16), serverNonce, 'server_nonce');
    if (fromBytes(reader.bytes()) !== p || fromBytes(reader.bytes()) !== q) throw new ExchangeError('wrong factors of pq');
    if (reader.long() !== this.#serverKey.fingerprint) throw new ExchangeError('encrypted for another key than offered');
    const inner = decryptRsaPad(this.#serverKey, reader.bytes());
    if (inner === null) throw new ExchangeError('encrypted_data is not made by RSA_PAD with our key');
    const { newNonce, expiresIn } = this.#readInner(new TlReader(inner), stage);
    const secret = fromBytes(crypto.randomBytes(DH_BYTES));
    this.#stage = { kind: 'offered', nonce, serverNonce, newNonce, secret, expiresIn };
    const offer = Buffer.concat([
      ...[int(SERVER_DH_INNER_DATA), nonce, serverNonce, int(DH_BASE), bytesOf(toBytes(DH_PRIME, DH_BYTES))],
      ...[bytesOf(toBytes(modPow(BigInt(DH_BASE), secret, DH_PRIME), DH_BYTES)), int(Math.floor(now / 1000))],
    ]);
    const { key, iv } = temporaryAes(serverNonce, newNonce);
    const encrypted = encryptIge(padToBlocks(Buffer.concat([sha1(offer), offer])), key, iv);
    return Buffer.concat([int(SERVER_DH_PARAMS_OK), nonce, serverNonce, bytesOf(encrypted)]);
  }

  #readInner(inner: TlReader, stage: Stage & { kind: 'asked' }): { newNonce: Buffer; expiresIn: number | null } {
    const shape = INNER_DATA.get(inner.id());
    if (shape === undefined) throw new ExchangeError('unknown p_q_inner_data');
    if (fromBytes(inner.bytes()) !== stage.p * stage.q) throw new ExchangeError('another pq inside');
    if (fromBytes(inner.bytes()) !== stage.p || fromBytes(inner.bytes()) !== stage.q) throw new ExchangeError('other factors inside');
    requireSame(inner.raw(16), stage.nonce, 'inner nonce');
    requireSame(inner.raw(16), stage.serverNonce, 'inner server_nonce');
    const newNonce = Buffer.from(inner.raw(32));
    // Test data centres are written with 10 000 added, media ones negative.
    const dc = shape.hasDc ? Math.abs(inner.int()) % 10_000 : this.#dcId;
    if (dc !== this.#dcId) throw new ExchangeError(`for data centre ${dc}, this is ${this.#dcId}`);
    return { newNonce, expiresIn: shape.isTemporary ? inner.int() : null };
  }

  #agree(reader: TlReader): ExchangeStep {
    const stage = this.#stage;
    if (stage.kind !== 'offered') throw new ExchangeError('set_client_DH_params before req_DH_params');
    const { nonce, serverNonce, newNonce, secret, expiresIn } = stage;
    requireSame(reader.raw(16), nonce, 'nonce');
    requireSame(reader.raw(16), serverNonce, 'server_nonce');
    const aes = temporaryAes(serverNonce, newNonce);
    const clientValue = readClientValue(decryptIge(reader.bytes(), aes.key, aes.iv), nonce, serverNonce);
    this.#stage = { kind: 'start' };
    const key = toBytes(modPow(clientValue, secret, DH_PRIME), DH_BYTES);
    const proof = sha1(newNonce, Buffer.from([1]), sha1(key).subarray(0, 8)).subarray(4, 20);
    const salt = newNonce.readBigUInt64LE() ^ serverNonce.readBigUInt64LE();
    return { answer: Buffer.concat([int(DH_GEN_OK), nonce, serverNonce, proof]), agreed: { key, salt, expiresIn } };
  }
}

function readClientValue(decrypted: Buffer, nonce: Buffer, serverNonce: Buffer): bigint {
  const inner = new TlReader(decrypted.subarray(20));
  if (inner.id() !== CLIENT_DH_INNER_DATA) throw new ExchangeError('no client_DH_inner_data inside');
  requireSame(inner.raw(16), nonce, 'inner nonce');
  requireSame(inner.raw(16), serverNonce, 'inner server_nonce');
  inner.raw(8); // retry_id
  const value = fromBytes(inner.bytes());
  requireSame(decrypted.subarray(0, 20), sha1(inner.data.subarray(0, inner.at)), 'SHA-1 of client_DH_inner_data');
  if (!isGoodPublicValue(value)) throw new ExchangeError('g_b is out of its range');
  return value;
}

/** Below 2^31, so that the product has at most 63 bits, as the real one's. */
function smallPrime(): bigint {
  return crypto.generatePrimeSync(31, { bigint: true });
}

/** Key and vector of what is said before there is an auth key. */
export function temporaryAes(serverNonce: Buffer, newNonce: Buffer): { key: Buffer; iv: Buffer } {
  const [a, b, c] = [sha1(newNonce, serverNonce), sha1(serverNonce, newNonce), sha1(newNonce, newNonce)];
  return { key: Buffer.concat([a, b.subarray(0, 12)]), iv: Buffer.concat([b.subarray(12, 20), c, newNonce.subarray(0, 4)]) };
}

function padToBlocks(data: Buffer): Buffer {
  return Buffer.concat([data, crypto.randomBytes((16 - (data.length % 16)) % 16)]);
}

function requireSame(given: Buffer, expected: Buffer, what: string): void {
  if (!given.equals(expected)) throw new ExchangeError(`wrong ${what}`);
}
