import crypto from 'node:crypto';

export function sha1(...parts: Buffer[]): Buffer {
  return crypto.createHash('sha1').update(Buffer.concat(parts)).digest();
}

export function sha256(...parts: Buffer[]): Buffer {
  return crypto.createHash('sha256').update(Buffer.concat(parts)).digest();
}
