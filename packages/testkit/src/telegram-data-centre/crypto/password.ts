/** The server's side of two-step verification: SRP as Telegram does it (https://core.telegram.org/api/srp). */
import crypto from 'node:crypto';
import { DH_BASE, DH_BYTES, DH_PRIME, fromBytes, isGoodPublicValue, modPow, toBytes } from './big.ts';
import { sha256 } from './hash.ts';

/** What a server keeps of a password. */
export type PasswordVerifier = { salt1: Buffer; salt2: Buffer; verifier: bigint };
/** One question of the server, good for one answer. */
export type PasswordChallenge = { id: bigint; secret: bigint; publicValue: Buffer };

export function createVerifier(password: string): PasswordVerifier {
  const [salt1, salt2] = [crypto.randomBytes(32), crypto.randomBytes(32)];
  const once = sha256(salt2, sha256(salt1, Buffer.from(password), salt1), salt2);
  const stretched = crypto.pbkdf2Sync(once, salt1, 100_000, 64, 'sha512');
  return { salt1, salt2, verifier: modPow(BigInt(DH_BASE), fromBytes(sha256(salt2, stretched, salt2)), DH_PRIME) };
}

export function createChallenge({ verifier }: PasswordVerifier): PasswordChallenge {
  const id = crypto.randomBytes(8).readBigInt64LE();
  for (;;) {
    const secret = fromBytes(crypto.randomBytes(DH_BYTES));
    const publicValue = (multiplier() * verifier + modPow(BigInt(DH_BASE), secret, DH_PRIME)) % DH_PRIME;
    if (isGoodPublicValue(publicValue)) return { id, secret, publicValue: toBytes(publicValue, DH_BYTES) };
  }
}

/** Whether who answered with these values knows the password. */
export function isProof(kept: PasswordVerifier, challenge: PasswordChallenge, clientValue: Buffer, proof: Buffer): boolean {
  const a = fromBytes(clientValue);
  if (clientValue.length !== DH_BYTES || !isGoodPublicValue(a)) return false;
  const u = fromBytes(sha256(clientValue, challenge.publicValue));
  const shared = modPow(a * modPow(kept.verifier, u, DH_PRIME), challenge.secret, DH_PRIME);
  const primeHash = sha256(toBytes(DH_PRIME, DH_BYTES));
  const baseHash = sha256(toBytes(BigInt(DH_BASE), DH_BYTES));
  const expected = sha256(
    Buffer.from(primeHash.map((byte, index) => byte ^ (baseHash[index] ?? 0))),
    sha256(kept.salt1),
    sha256(kept.salt2),
    clientValue,
    challenge.publicValue,
    sha256(toBytes(shared, DH_BYTES)),
  );
  return expected.equals(proof);
}

function multiplier(): bigint {
  return fromBytes(sha256(toBytes(DH_PRIME, DH_BYTES), toBytes(BigInt(DH_BASE), DH_BYTES)));
}
