/** AES-256 in Infinite Garble Extension mode (https://core.telegram.org/mtproto/AES-IGE), on node:crypto, which does not have it. */
import crypto from 'node:crypto';

const BLOCK = 16;

/** `iv` is 32 bytes: what stands for the ciphertext block before the first, then for the plaintext block before it. */
export function encryptIge(plain: Buffer, key: Buffer, iv: Buffer): Buffer {
  requireBlocks(plain);
  // c[i] = E(p[i] ^ c[i-1]) ^ p[i-1]. With t[i] = c[i] ^ p[i-1] that is t[i] = E((p[i] ^ p[i-2]) ^ t[i-1]): CBC over p[i] ^ p[i-2].
  const folded = Buffer.from(plain);
  xorInto(folded, BLOCK, iv, BLOCK, BLOCK);
  xorInto(folded, 2 * BLOCK, plain, 0, plain.length - 2 * BLOCK);
  const cipher = crypto.createCipheriv('aes-256-cbc', key, iv.subarray(0, BLOCK)).setAutoPadding(false);
  const encrypted = Buffer.concat([cipher.update(folded), cipher.final()]);
  xorInto(encrypted, 0, iv, BLOCK, BLOCK);
  xorInto(encrypted, BLOCK, plain, 0, plain.length - BLOCK);
  return encrypted;
}

export function decryptIge(encrypted: Buffer, key: Buffer, iv: Buffer): Buffer {
  requireBlocks(encrypted);
  // p[i] = D(c[i] ^ p[i-1]) ^ c[i-1]: each block needs the one before, so no mode of OpenSSL helps.
  const decipher = crypto.createDecipheriv('aes-256-ecb', key, null).setAutoPadding(false);
  const plain = Buffer.alloc(encrypted.length);
  const mixed = Buffer.alloc(BLOCK);
  for (let at = 0; at < encrypted.length; at += BLOCK) {
    encrypted.copy(mixed, 0, at, at + BLOCK);
    if (at === 0) xorInto(mixed, 0, iv, BLOCK, BLOCK);
    else xorInto(mixed, 0, plain, at - BLOCK, BLOCK);
    decipher.update(mixed).copy(plain, at);
    if (at === 0) xorInto(plain, 0, iv, 0, BLOCK);
    else xorInto(plain, at, encrypted, at - BLOCK, BLOCK);
  }
  return plain;
}

function requireBlocks(data: Buffer): void {
  if (data.length % BLOCK !== 0) throw new RangeError(`AES-IGE takes whole blocks of ${BLOCK} bytes, not ${data.length} bytes`);
}

/** Mixes `length` bytes of `source` into `target`, as far as `target` reaches. */
function xorInto(target: Buffer, at: number, source: Buffer, from: number, length: number): void {
  const end = Math.min(at + length, target.length);
  for (let index = at; index < end; index++) target[index] = (target[index] ?? 0) ^ (source[from + index - at] ?? 0);
}
