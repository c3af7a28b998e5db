/** Encrypted messages of MTProto 2.0 (https://core.telegram.org/mtproto/description): msg_key over plaintext and padding, then AES-IGE. */
import crypto from 'node:crypto';
import { decryptIge, encryptIge } from './aes-ige.ts';
import { sha1, sha256 } from './hash.ts';

export type Direction = 'from-client' | 'from-server';

/** The part of the auth key that each direction uses begins here. */
const OFFSET: Record<Direction, number> = { 'from-client': 0, 'from-server': 8 };

export function authKeyId(key: Buffer): bigint {
  return sha1(key).readBigUInt64LE(12);
}

/** auth_key_id, msg_key and the encrypted data, as it goes into one packet. */
export function encryptMessage(key: Buffer, plain: Buffer, direction: Direction): Buffer {
  const fill = 12 + ((16 - ((plain.length + 12) % 16)) % 16);
  const padded = Buffer.concat([plain, crypto.randomBytes(fill + 16 * crypto.randomInt(4))]);
  const messageKey = messageKeyOf(key, padded, direction);
  const { aesKey, iv } = aesOf(key, messageKey, direction);
  const head = Buffer.alloc(8);
  head.writeBigUInt64LE(authKeyId(key));
  return Buffer.concat([head, messageKey, encryptIge(padded, aesKey, iv)]);
}

/** The plaintext with its padding; null when it was not encrypted with this key, or changed on its way. */
export function decryptMessage(key: Buffer, packet: Buffer, direction: Direction): Buffer | null {
  const messageKey = packet.subarray(8, 24);
  // The padded transport leaves up to 15 bytes of its own behind the last block.
  const encrypted = packet.subarray(24, packet.length - ((packet.length - 24) % 16));
  if (messageKey.length < 16 || encrypted.length === 0) return null;
  const { aesKey, iv } = aesOf(key, messageKey, direction);
  const padded = decryptIge(encrypted, aesKey, iv);
  return messageKeyOf(key, padded, direction).equals(messageKey) ? padded : null;
}

function messageKeyOf(key: Buffer, padded: Buffer, direction: Direction): Buffer {
  const from = 88 + OFFSET[direction];
  return sha256(key.subarray(from, from + 32), padded).subarray(8, 24);
}

function aesOf(key: Buffer, messageKey: Buffer, direction: Direction): { aesKey: Buffer; iv: Buffer } {
  const x = OFFSET[direction];
  const a = sha256(messageKey, key.subarray(x, x + 36));
  const b = sha256(key.subarray(40 + x, 76 + x), messageKey);
  return {
    aesKey: Buffer.concat([a.subarray(0, 8), b.subarray(8, 24), a.subarray(24, 32)]),
    iv: Buffer.concat([b.subarray(0, 8), a.subarray(8, 24), b.subarray(24, 32)]),
  };
}
