/** The login of this agent, in `run/telegram.session` (mode 600): the session's key and what it was made with. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { failed, ok, type Result } from 'animus-protocol';
import * as v from 'valibot';
import type { Account, MailboxState } from './telegram.ts';

export type Login = {
  /** As text, this library's or Telethon's. */
  session: string;
  apiId: number;
  apiHash: string;
  account: Account;
  /** Fingerprint of the bot token it was made with; null for a person's account. */
  token: string | null;
  at: number;
  /** How far the account's mailbox was when it logged in: what comes from then on is read. */
  mailbox?: MailboxState;
};

const login: v.GenericSchema<Login> = v.object({
  session: v.string(),
  apiId: v.number(),
  apiHash: v.string(),
  account: v.object({ id: v.string(), username: v.nullable(v.string()), name: v.string(), isBot: v.boolean() }),
  token: v.nullable(v.string()),
  at: v.number(),
  mailbox: v.exactOptional(v.object({ pts: v.number(), qts: v.number(), date: v.number() })),
});

export function sessionFile(folder: string): string {
  return path.join(folder, 'run', 'telegram.session');
}

/** Null when there is none. The error names the file, and nothing of what is in it. */
export function readLogin(folder: string): Result<Login | null, string> {
  const file = sessionFile(folder);
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? ok(null) : failed(`${file} cannot be read (${code})`);
  }
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), login), text);
  return parsed.success ? ok(parsed.output) : failed(`${file} is damaged: log in again (broca telegram login)`);
}

/** Whole or not at all; open to its owner only. */
export function writeLogin(folder: string, made: Login): void {
  const file = sessionFile(folder);
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${randomBytes(4).toString('hex')}`;
  // O_SYNC: fs.fsync is refused to a process under Node's permission model, as a Broca is under a supervisor.
  const { O_WRONLY, O_CREAT, O_EXCL, O_SYNC } = fs.constants;
  const handle = fs.openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_SYNC, 0o600);
  try {
    fs.writeSync(handle, `${JSON.stringify(made)}\n`);
  } finally {
    fs.closeSync(handle);
  }
  fs.renameSync(temporary, file);
}

export function removeLogin(folder: string): void {
  fs.rmSync(sessionFile(folder), { force: true });
}
