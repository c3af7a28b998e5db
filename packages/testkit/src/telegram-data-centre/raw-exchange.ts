/** The client's side of an exchange of keys, for a temporary key (https://core.telegram.org/mtproto/auth_key), and of its binding. */
import crypto from 'node:crypto';
import { decryptIge, encryptIge } from './crypto/aes-ige.ts';
import { DH_BYTES, fromBytes, modPow, toBytes } from './crypto/big.ts';
import { sha1, sha256 } from './crypto/hash.ts';
import { authKeyId } from './crypto/message-cipher.ts';
import type { TelegramDataCentre } from './index.ts';
import { temporaryAes } from './mtproto/key-exchange.ts';
import type { RawClient } from './raw-client.ts';
import { bytesOf, int, long, TlReader } from './wire/tl-bytes.ts';

/** The client has the new key, and the salt that follows from the exchange. */
export async function agreeOnTemporaryKey(raw: RawClient, { serverKey }: TelegramDataCentre, dc: number, expiresIn: number): Promise<void> {
  const [nonce, newNonce] = [crypto.randomBytes(16), crypto.randomBytes(32)];
  raw.sendPlain(Buffer.concat([int(0xbe7e8ef1), nonce]));
  const asked = (await raw.hear(0x05162463)).body;
  asked.raw(16);
  const serverNonce = asked.raw(16);
  const pq = fromBytes(asked.bytes());
  const [p, q] = factors(pq).map((factor) => toBytes(factor, 4));
  if (p === undefined || q === undefined) throw new Error('no factors');
  const nonces = Buffer.concat([nonce, serverNonce]);
  const inner = [int(0x56fddf88), bytesOf(toBytes(pq, 8)), bytesOf(p), bytesOf(q), nonces, newNonce, int(dc), int(expiresIn)];
  const fingerprint = long(BigInt(serverKey.fingerprint));
  const sealed = rsaPad(Buffer.concat(inner), BigInt(serverKey.modulus), BigInt(serverKey.exponent));
  raw.sendPlain(Buffer.concat([int(0xd712e4be), nonces, bytesOf(p), bytesOf(q), fingerprint, bytesOf(sealed)]));

  const offered = (await raw.hear(0xd0e8075c)).body;
  offered.raw(32);
  const { key: aes, iv } = temporaryAes(serverNonce, newNonce);
  const offer = new TlReader(decryptIge(offered.bytes(), aes, iv));
  offer.raw(20 + 4 + 32);
  const [base, prime, theirs] = [BigInt(offer.int()), fromBytes(offer.bytes()), fromBytes(offer.bytes())];
  const secret = fromBytes(crypto.randomBytes(DH_BYTES));
  const ours = Buffer.concat([int(0x6643b654), nonces, long(0n), bytesOf(toBytes(modPow(base, secret, prime), DH_BYTES))]);
  raw.sendPlain(Buffer.concat([int(0xf5045f1f), nonces, bytesOf(encryptIge(padded(Buffer.concat([sha1(ours), ours])), aes, iv))]));
  await raw.hear(0x3bcbf734);
  raw.key = toBytes(modPow(theirs, secret, prime), DH_BYTES);
  raw.salt = newNonce.readBigInt64LE() ^ serverNonce.readBigInt64LE();
}

export type Binding = { nonce: bigint; temporaryKey: Buffer; sessionId: bigint; expiresAt: number; messageId: bigint };

/** The proof that whoever binds has the permanent key: MTProto 1.0. */
export function sealBinding(permanentKey: Buffer, { nonce, temporaryKey, sessionId, expiresAt, messageId }: Binding): Buffer {
  const ids = [long(nonce), long(authKeyId(temporaryKey)), long(authKeyId(permanentKey)), long(sessionId)];
  const body = Buffer.concat([int(0x75a3f765), ...ids, int(expiresAt)]);
  const plain = Buffer.concat([crypto.randomBytes(16), long(messageId), int(0), int(body.length), body]);
  const messageKey = sha1(plain).subarray(4);
  const part = (at: number, length: number): Buffer => permanentKey.subarray(at, at + length);
  const a = sha1(messageKey, part(0, 32));
  const b = sha1(part(32, 16), messageKey, part(48, 16));
  const c = sha1(part(64, 32), messageKey);
  const d = sha1(messageKey, part(96, 32));
  const key = Buffer.concat([a.subarray(0, 8), b.subarray(8), c.subarray(4, 16)]);
  const iv = Buffer.concat([a.subarray(8), b.subarray(0, 8), c.subarray(16), d.subarray(0, 8)]);
  return Buffer.concat([long(authKeyId(permanentKey)), messageKey, encryptIge(padded(plain), key, iv)]);
}

function padded(data: Buffer): Buffer {
  return Buffer.concat([data, crypto.randomBytes((16 - (data.length % 16)) % 16)]);
}

/** RSA_PAD (https://core.telegram.org/mtproto/auth_key#presenting-proof-of-work-server-authentication). */
function rsaPad(data: Buffer, modulus: bigint, exponent: bigint): Buffer {
  for (;;) {
    const [filled, key] = [Buffer.concat([data, crypto.randomBytes(192 - data.length)]), crypto.randomBytes(32)];
    const hashed = Buffer.concat([Buffer.from(filled).reverse(), sha256(key, filled)]);
    const encrypted = encryptIge(hashed, key, Buffer.alloc(32));
    const mask = sha256(encrypted);
    const number = fromBytes(Buffer.concat([key.map((byte, index) => byte ^ (mask[index] ?? 0)), encrypted]));
    if (number < modulus) return toBytes(modPow(number, exponent, modulus), 256);
  }
}

/** Pollard's rho; the smaller one first. */
function factors(product: bigint): [bigint, bigint] {
  for (let shift = 1n; ; shift++) {
    const next = (value: bigint): bigint => (value * value + shift) % product;
    let [slow, fast, common] = [2n, 2n, 1n];
    while (common === 1n) {
      slow = next(slow);
      fast = next(next(fast));
      common = commonDivisor(slow > fast ? slow - fast : fast - slow, product);
    }
    const other = product / common;
    if (common !== product) return common < other ? [common, other] : [other, common];
  }
}

function commonDivisor(one: bigint, other: bigint): bigint {
  let [a, b] = [one, other];
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}
