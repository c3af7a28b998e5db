import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import test from 'node:test';
import { decryptIge, encryptIge } from './aes-ige.ts';
import { modPow } from './big.ts';
import { decryptMessage, encryptMessage } from './message-cipher.ts';

test('IGE does what its definition says, and back', () => {
  const [key, iv, plain] = [crypto.randomBytes(32), crypto.randomBytes(32), crypto.randomBytes(16 * 7)];
  const encrypted = encryptIge(plain, key, iv);
  assert.deepEqual(encrypted, byDefinition(plain, key, iv));
  assert.deepEqual(decryptIge(encrypted, key, iv), plain);
  assert.throws(() => encryptIge(Buffer.alloc(15), key, iv), RangeError);
});

/** c[i] = E(p[i] ^ c[i-1]) ^ p[i-1], block by block. */
function byDefinition(plain: Buffer, key: Buffer, iv: Buffer): Buffer {
  let [before, plainBefore] = [iv.subarray(0, 16), iv.subarray(16)];
  const blocks: Buffer[] = [];
  for (let at = 0; at < plain.length; at += 16) {
    const block = plain.subarray(at, at + 16);
    const cipher = crypto.createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
    before = mix(cipher.update(mix(block, before)), plainBefore);
    plainBefore = block;
    blocks.push(before);
  }
  return Buffer.concat(blocks);
}

function mix(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, index) => byte ^ (b[index] ?? 0)));
}

test('a message is read with its key and direction, and nothing else', () => {
  const [key, plain] = [crypto.randomBytes(256), crypto.randomBytes(100)];
  const packet = encryptMessage(key, plain, 'from-server');
  assert.deepEqual(decryptMessage(key, packet, 'from-server')?.subarray(0, 100), plain);
  assert.equal(decryptMessage(key, packet, 'from-client'), null);
  assert.equal(decryptMessage(crypto.randomBytes(256), packet, 'from-server'), null);
  packet[packet.length - 1] = (packet.at(-1) ?? 0) ^ 1;
  assert.equal(decryptMessage(key, packet, 'from-server'), null);
});

test('powers of large numbers', () => {
  assert.equal(modPow(3n, 200n, 1_000_007n), 3n ** 200n % 1_000_007n);
  assert.equal(modPow(2n, 0n, 7n), 1n);
});
