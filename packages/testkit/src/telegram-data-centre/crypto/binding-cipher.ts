/**
 * How a client proves that it holds a permanent key when it binds a temporary one
 * (https://core.telegram.org/method/auth.bindTempAuthKey#generating-encrypted-message): a message by itself, encrypted as MTProto 1.0
 * did (https://core.telegram.org/mtproto/description_v1), which nothing else does any more.
 */
import { TlReader } from '../wire/tl-bytes.ts';
import { decryptIge } from './aes-ige.ts';
import { sha1 } from './hash.ts';
import { authKeyId } from './message-cipher.ts';

/** Of the message inside. */
export type BindingMessage = { messageId: bigint; seqNo: number; body: Buffer };

/** Null when it was not encrypted with this key, or changed on its way. */
export function openBinding(key: Buffer, encrypted: Buffer): BindingMessage | null {
  if (encrypted.length < 24 + 32 || (encrypted.length - 24) % 16 !== 0) return null;
  if (encrypted.readBigUInt64LE() !== authKeyId(key)) return null;
  const messageKey = encrypted.subarray(8, 24);
  const { aesKey, iv } = aesOf(key, messageKey);
  const plain = decryptIge(encrypted.subarray(24), aesKey, iv);
  const reader = new TlReader(plain);
  reader.raw(16); // random
  const [messageId, seqNo, length] = [reader.long(), reader.int(), reader.int()];
  // Less than a block is filled up, and the fill is not under the hash.
  if (length < 0 || length > reader.left || reader.left - length >= 16) return null;
  const body = reader.raw(length);
  return sha1(plain.subarray(0, reader.at)).subarray(4, 20).equals(messageKey) ? { messageId, seqNo, body } : null;
}

/** Of what a client sends. */
function aesOf(key: Buffer, messageKey: Buffer): { aesKey: Buffer; iv: Buffer } {
  const a = sha1(messageKey, key.subarray(0, 32));
  const b = sha1(key.subarray(32, 48), messageKey, key.subarray(48, 64));
  const c = sha1(key.subarray(64, 96), messageKey);
  const d = sha1(messageKey, key.subarray(96, 128));
  return {
    aesKey: Buffer.concat([a.subarray(0, 8), b.subarray(8, 20), c.subarray(4, 16)]),
    iv: Buffer.concat([a.subarray(8, 20), b.subarray(0, 8), c.subarray(16, 20), d.subarray(0, 8)]),
  };
}
