/** Logins under way: codes sent, passwords asked for, authorizations on their way to another data centre. Forgotten with the process. */
import crypto from 'node:crypto';
import type { PasswordChallenge } from '../crypto/password.ts';

export type SentCode = { phone: string; hash: string; code: string; sentAt: number };

/** After this a code is expired, ms. */
export const CODE_LIFE_MS = 300_000;

export class Logins {
  readonly #codes: Map<string, SentCode> = new Map();
  /** Key → account that gave the right code and owes the password. */
  readonly #awaitingPassword: Map<bigint, number> = new Map();
  readonly #challenges: Map<bigint, PasswordChallenge> = new Map();
  readonly #exported: Map<string, number> = new Map();

  sendCode(phone: string, now: number): SentCode {
    const code = { phone, hash: crypto.randomBytes(9).toString('base64url'), code: String(crypto.randomInt(10_000, 100_000)), sentAt: now };
    this.#codes.set(phone, code);
    return code;
  }

  /** The last one sent. */
  codeFor(phone: string): SentCode | undefined {
    return this.#codes.get(phone);
  }

  dropCode(phone: string): void {
    this.#codes.delete(phone);
  }

  awaitPassword(keyId: bigint, accountId: number): void {
    this.#awaitingPassword.set(keyId, accountId);
  }

  awaitedBy(keyId: bigint): number | undefined {
    return this.#awaitingPassword.get(keyId);
  }

  keepChallenge(challenge: PasswordChallenge): void {
    this.#challenges.set(challenge.id, challenge);
  }

  /** A challenge is good once. */
  takeChallenge(id: bigint): PasswordChallenge | undefined {
    const challenge = this.#challenges.get(id);
    this.#challenges.delete(id);
    return challenge;
  }

  passwordGiven(keyId: bigint): void {
    this.#awaitingPassword.delete(keyId);
  }

  exportTo(dcId: number, accountId: number): Buffer {
    const bytes = crypto.randomBytes(32);
    this.#exported.set(`${dcId} ${bytes.toString('hex')}`, accountId);
    return bytes;
  }

  import(dcId: number, bytes: Buffer): number | undefined {
    const name = `${dcId} ${bytes.toString('hex')}`;
    const accountId = this.#exported.get(name);
    this.#exported.delete(name);
    return accountId;
  }
}
