/**
 * The modes of a home: folders 0700, files 0600. Deploy and init set them, health compares, `doctor --fix` mends.
 * A home that belongs to somebody else is refused here, before anything is read from it.
 */
import fs from 'node:fs';
import path from 'node:path';
import { failed, ok, type Result } from 'animus-protocol';
import { type AgentPaths, homePaths } from './paths.ts';

export const FOLDER_MODE = 0o700;
export const FILE_MODE = 0o600;

export type WrongMode = { path: string; mode: number; wanted: number };

/** Makes a folder (and those above it) that only its owner can enter, whatever the umask. */
export function makePrivateFolder(folder: string): void {
  makeMissing(path.resolve(folder));
  fs.chmodSync(folder, FOLDER_MODE);
}

/** Not mkdir's own `recursive`: below /proc, where no folder can be made, Node 24 tries for ever (it asks for the parent, which is there). */
function makeMissing(folder: string): void {
  if (fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return;
  makeMissing(path.dirname(folder));
  try {
    fs.mkdirSync(folder, { mode: FOLDER_MODE });
  } catch (error) {
    // Somebody else made it just now.
    if (fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
  }
}

/** Writes a new file that only its owner can read; it never had another mode. Fails when the file is there. */
export function writeNewPrivateFile(file: string, text: string): void {
  fs.writeFileSync(file, text, { mode: FILE_MODE, flag: 'wx' });
  fs.chmodSync(file, FILE_MODE);
}

/** What of an agent others could read. Its folder shuts off all that is in it; the three are what the seed names. */
export function findWrongAgentModes(agent: AgentPaths): WrongMode[] {
  return [...wrongModes([agent.folder], FOLDER_MODE), ...wrongModes([agent.environment, agent.settings, agent.database], FILE_MODE)];
}

/** What of the home itself others could enter or read. */
export function findWrongHomeModes(home: string): WrongMode[] {
  const paths = homePaths(home);
  return [...wrongModes([home, paths.run, paths.logs], FOLDER_MODE), ...wrongModes([paths.config, paths.socket], FILE_MODE)];
}

export function formatWrongMode(wrong: WrongMode, home: string): string {
  const name = path.relative(home, wrong.path) || wrong.path;
  return `${name} has mode ${wrong.mode.toString(8)}, others may look in; mend it with: chmod ${wrong.wanted.toString(8)} ${quoted(wrong.path)}`;
}

/** As a shell must be given it. */
function quoted(file: string): string {
  return /^[\w@%+=:,./-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`;
}

/** Only bits for group and others count: a person may take their own write permission away. */
function wrongModes(paths: readonly string[], wanted: number): WrongMode[] {
  const wrong: WrongMode[] = [];
  for (const file of paths) {
    const stat = fs.lstatSync(file, { throwIfNoEntry: false });
    if (stat === undefined || stat.isSymbolicLink()) continue;
    const mode = stat.mode & 0o777;
    if ((mode & 0o077) !== 0) wrong.push({ path: file, mode, wanted });
  }
  return wrong;
}

/** Refuses a home that belongs to another user, with the owner's name. A home that is not there belongs to nobody. */
export function checkHomeOwner(home: string, uid: number | null): Result<null, string> {
  const stat = fs.statSync(home, { throwIfNoEntry: false });
  if (stat === undefined) return ok(null);
  if (!stat.isDirectory()) return failed(`${home} is not a folder: set ANIMUS_HOME to a folder, or to one that is not there yet`);
  if (uid === null || stat.uid === uid) return ok(null);
  return failed(`${home} belongs to ${userName(stat.uid)}: run animus as that user, or set ANIMUS_HOME to a home of your own`);
}

/** Node knows only the own user's name; /etc/passwd knows the others of this machine. */
function userName(uid: number): string {
  try {
    for (const line of fs.readFileSync('/etc/passwd', 'utf8').split('\n')) {
      const [name, , id] = line.split(':');
      if (name !== undefined && id === String(uid)) return `the user ${name}`;
    }
  } catch {
    // No such file on this system: the number says it too.
  }
  return `user number ${uid}`;
}
