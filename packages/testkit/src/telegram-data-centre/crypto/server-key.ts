/** The RSA key by which a client knows the server, and the padding scheme RSA_PAD (https://core.telegram.org/mtproto/auth_key#presenting-proof-of-work-server-authentication). */
import crypto from 'node:crypto';
import { bytesOf } from '../wire/tl-bytes.ts';
import { decryptIge } from './aes-ige.ts';
import { fromBytes } from './big.ts';
import { sha1, sha256 } from './hash.ts';

export type ServerKey = {
  /** Signed, as clients write it. */
  fingerprint: bigint;
  modulus: bigint;
  exponent: number;
  pem: string;
};

export function createServerKey(): ServerKey {
  const { privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 65_537 });
  return serverKeyFrom(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
}

export function serverKeyFrom(pem: string): ServerKey {
  const { n, e } = crypto.createPublicKey(pem).export({ format: 'jwk' });
  const [modulus, exponent] = [Buffer.from(n ?? '', 'base64url'), Buffer.from(e ?? '', 'base64url')];
  const fingerprint = sha1(bytesOf(modulus), bytesOf(exponent)).readBigInt64LE(12);
  return { fingerprint, modulus: fromBytes(modulus), exponent: Number(fromBytes(exponent)), pem };
}

/** The inner data, with its padding, of a req_DH_params; null when it is not what RSA_PAD makes. */
export function decryptRsaPad(key: ServerKey, encrypted: Buffer): Buffer | null {
  if (encrypted.length !== 256 || fromBytes(encrypted) >= key.modulus) return null;
  const block = crypto.privateDecrypt({ key: key.pem, padding: crypto.constants.RSA_NO_PADDING }, encrypted);
  const [maskedKey, aesEncrypted] = [block.subarray(0, 32), block.subarray(32)];
  const mask = sha256(aesEncrypted);
  const temporaryKey = Buffer.from(maskedKey.map((byte, index) => byte ^ (mask[index] ?? 0)));
  const dataWithHash = decryptIge(aesEncrypted, temporaryKey, Buffer.alloc(32));
  const data = Buffer.from(dataWithHash.subarray(0, 192)).reverse();
  return sha256(temporaryKey, data).equals(dataWithHash.subarray(192)) ? data : null;
}
