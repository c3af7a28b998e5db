/** gpg as it is installed: it finds its own keys and asks for its own passphrases. Nothing secret is in its arguments. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { failed, ok, type Result } from 'animus-protocol';
import { execa } from 'execa';

const NO_GPG = 'there is no gpg on this machine: install gnupg, or use age:<recipient>';

/** Whether gpg can encrypt for this recipient. */
export async function findGpgKey(recipient: string): Promise<Result<null, string>> {
  const ended = await execa('gpg', ['--batch', '--list-keys', '--', recipient], { reject: false, stdin: 'ignore' });
  if (!ended.failed) return ok(null);
  if (ended.code === 'ENOENT') return failed(NO_GPG);
  return failed(`gpg has no public key for ${recipient}: import it first (gpg --import FILE); gpg --list-keys shows those it has`);
}

export function encryptWithGpg(source: Readable, recipient: string): Readable {
  // The person named this key: gpg's web of trust is not asked as well.
  return through(source, [
    '--batch',
    '--no-tty',
    '--trust-model',
    'always',
    '--compress-algo',
    'none',
    '--encrypt',
    '--recipient',
    recipient,
  ]);
}

export function decryptWithGpg(source: Readable): Readable {
  return through(source, ['--quiet', '--decrypt']);
}

/** What comes out, failing with what gpg complained of when it ends badly. */
function through(source: Readable, args: readonly string[]): Readable {
  const child: ChildProcessByStdio<Writable, Readable, Readable> = spawn('gpg', args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const result = new PassThrough();
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-4_000);
  });
  child.once('error', (error: NodeJS.ErrnoException) => result.destroy(error.code === 'ENOENT' ? new Error(NO_GPG) : error));
  // Whoever wants no more of it ends it.
  result.once('close', () => child.kill());
  child.stdout.pipe(result, { end: false });
  child.once('close', (code) => {
    const lines = complaint.split('\n').filter((line) => line !== '');
    if (code === 0) result.end();
    else result.destroy(new Error(`gpg: ${lines.slice(-2).join(' ') || `it ended with ${code ?? 'a signal'}`}`));
  });
  // When gpg ends early, its own end tells why.
  pipeline(source, child.stdin).catch(() => undefined);
  return result;
}
