/**
 * How an archive is encrypted: `age:<recipient>` by the age library, `gpg:<recipient>` by the installed program.
 * Each end is a stream, so that an archive's size is nobody's memory.
 */
import fs from 'node:fs';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { failed, ok, type Result } from 'animus-protocol';
import { decryptWithGpg, encryptWithGpg, findGpgKey } from './gpg.ts';

export type Encryption = { kind: 'age' | 'gpg'; recipient: string };

/** What a file is, by its first bytes; its name may say anything. */
export type Sealing = 'plain' | 'age' | 'gpg';

/** A step that bytes go through on their way. Throws an Error whose message is fit for a person. */
export type Through = (source: Readable) => Promise<Readable>;

const AGE_HEAD = 'age-encryption.org/v1';
const GZIP_HEAD = [0x1f, 0x8b];
const HOW = 'write age:<recipient> (as in age:age1…) or gpg:<recipient> (a fingerprint or an address gpg knows)';

/** Checks the recipient too: a backup that nobody can open, or that fails at night, is found out now. */
export async function parseEncryption(text: string): Promise<Result<Encryption, string>> {
  const at = text.indexOf(':');
  const [kind, recipient] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
  if (kind !== 'age' && kind !== 'gpg') return failed(`--encrypt ${text}: ${HOW}`);
  if (!/^[^\s-]\S*$/.test(recipient)) return failed(`--encrypt ${text}: the recipient is missing or has blanks in it; ${HOW}`);
  if (kind === 'gpg') {
    const known = await findGpgKey(recipient);
    return known.ok ? ok({ kind, recipient }) : known;
  }
  try {
    const { Encrypter } = await import('age-encryption');
    new Encrypter().addRecipient(recipient);
    return ok({ kind, recipient });
  } catch {
    return failed(`--encrypt ${text}: this is no recipient of age; it begins with age1 (age-keygen shows it as "Public key")`);
  }
}

export function suffixOf(encryption: Encryption | null): string {
  return encryption === null ? '.tar.gz' : `.tar.gz.${encryption.kind}`;
}

export function encryptThrough({ kind, recipient }: Encryption): Through {
  if (kind === 'gpg') return async (source) => encryptWithGpg(source, recipient);
  return async (source) => {
    const { Encrypter } = await import('age-encryption');
    const encrypter = new Encrypter();
    encrypter.addRecipient(recipient);
    return fromWeb(await encrypter.encrypt(toWeb(source)));
  };
}

/** Null when the file is none of the three. */
export function sealingOf(file: string): Sealing | null {
  const head = Buffer.alloc(AGE_HEAD.length);
  const opened = fs.openSync(file, 'r');
  try {
    fs.readSync(opened, head, 0, head.length, 0);
  } finally {
    fs.closeSync(opened);
  }
  if (head.toString('latin1') === AGE_HEAD) return 'age';
  if (GZIP_HEAD.every((byte, index) => head[index] === byte)) return 'plain';
  // An OpenPGP packet begins with a byte whose highest bit is set (RFC 9580, 4.2).
  return ((head[0] ?? 0) & 0x80) !== 0 ? 'gpg' : null;
}

/** `identityFile` is where age's secret keys are, as age-keygen writes it; gpg knows its own. */
export function decryptThrough(sealing: Sealing, identityFile: string | null): Result<Through, string> {
  switch (sealing) {
    case 'plain':
      return ok(async (source) => source);
    case 'gpg':
      return ok(async (source) => decryptWithGpg(source));
    case 'age': {
      const identities = readIdentities(identityFile);
      if (!identities.ok) return identities;
      return ok(async (source) => {
        const { Decrypter } = await import('age-encryption');
        const decrypter = new Decrypter();
        for (const identity of identities.value) decrypter.addIdentity(identity);
        return fromWeb(await decrypter.decrypt(toWeb(source)));
      });
    }
  }
}

/** The lines of a key file that are keys. They are repeated nowhere. */
function readIdentities(file: string | null): Result<string[], string> {
  if (file === null)
    return failed('it is encrypted with age: add --identity FILE, the file with your AGE-SECRET-KEY (as age-keygen writes it)');
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    return failed(`--identity ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  const keys = text.split('\n').flatMap((line) => {
    const key = line.trim();
    return key.startsWith('AGE-SECRET-KEY-') ? [key] : [];
  });
  return keys.length > 0 ? ok(keys) : failed(`--identity ${file} has no line that begins with AGE-SECRET-KEY-`);
}

/** The types of Node's own web streams and of the browser's differ in name alone. */
function toWeb(source: Readable): globalThis.ReadableStream<Uint8Array> {
  return Readable.toWeb(source) as unknown as globalThis.ReadableStream<Uint8Array>;
}

function fromWeb(source: globalThis.ReadableStream<Uint8Array>): Readable {
  return Readable.fromWeb(source as unknown as ReadableStream<Uint8Array>);
}
