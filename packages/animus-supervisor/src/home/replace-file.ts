/** Puts a new text in the place of a file that a person wrote: in one rename, so that a kill leaves the old or the new, whole. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { codeOf, failed, ok, type Result } from 'animus-protocol';
import { identify, isAlive } from '../worker/proc.ts';
import { FILE_MODE } from './modes.ts';
import { syncPath } from './sync.ts';

/**
 * Mode and owner stay; a new file is for its owner alone. Refuses when somebody else has changed the file since `before`
 * was read (null: there was none).
 */
export function replaceFile(file: string, before: string | null, text: string): Result<null, string> {
  const name = path.basename(file);
  const folder = path.dirname(file);
  const hidden = `${file}.${process.pid}.${randomBytes(4).toString('hex')}.new`;
  try {
    sweep(folder, name);
    const stat = fs.lstatSync(file, { throwIfNoEntry: false });
    fs.writeFileSync(hidden, text, { mode: FILE_MODE, flag: 'wx', flush: true });
    if (stat !== undefined) keepAccess(hidden, stat);
    const now = stat === undefined ? null : fs.readFileSync(file, 'utf8');
    if (now !== before) return failed(`somebody changed ${name} meanwhile: try again`);
    fs.renameSync(hidden, file);
    syncPath(folder);
    return ok(null);
  } catch (error) {
    return failed(`${file} cannot be written (${codeOf(error)})`);
  } finally {
    fs.rmSync(hidden, { force: true });
  }
}

/** The file of an agent that runs as a user of its own must stay that user's. */
function keepAccess(hidden: string, { uid, gid, mode }: fs.Stats): void {
  const made = fs.lstatSync(hidden);
  if (made.uid !== uid || made.gid !== gid) fs.lchownSync(hidden, uid, gid);
  fs.chmodSync(hidden, mode & 0o777);
}

function sweep(folder: string, of: string): void {
  for (const file of findHalfWritten(folder, of)) fs.rmSync(file, { force: true });
}

/** What commands that were killed left of a new text for the file `of`: it may hold a key. */
export function findHalfWritten(folder: string, of: string): string[] {
  const left = fs.readdirSync(folder).filter((name) => {
    const pid = name.startsWith(`${of}.`) ? /^(\d+)\.[0-9a-f]{8}\.new$/.exec(name.slice(of.length + 1))?.[1] : undefined;
    return pid !== undefined && !isAlive(identify(Number(pid)));
  });
  return left.map((name) => path.join(folder, name));
}
