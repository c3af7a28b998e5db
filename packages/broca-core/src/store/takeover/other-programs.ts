/**
 * Who else works with a database, as far as the kernel tells: programs that have it open, and a Python
 * Broca that runs in the folder and opens it only now and then. Nothing is opened here, only looked at:
 * to open and close a locked database through `fs` would free our own locks on it.
 */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { basename, resolve, sep } from 'node:path';

export type OtherProgram = { pid: number; command: string };

/** Null when nobody is found, which is no proof: programs of other users cannot be looked into. */
export function findOtherProgram(database: string, folder: string): OtherProgram | null {
  const target = statSync(database, { throwIfNoEntry: false });
  for (const name of list('/proc')) {
    const pid = /^\d+$/.test(name) ? Number(name) : process.pid;
    if (pid === process.pid) continue;
    const args = argumentsOf(pid);
    const hasOpen = target !== undefined && opens(pid, basename(database), target);
    if (hasOpen || runsOriginal(pid, args, folder)) return { pid, command: args.slice(0, 3).join(' ') || 'unknown program' };
  }
  return null;
}

function opens(pid: number, name: string, target: { dev: number; ino: number }): boolean {
  return list(`/proc/${pid}/fd`).some((descriptor) => {
    const link = `/proc/${pid}/fd/${descriptor}`;
    // Other files are not even asked about: a stat may hang on a dead network drive.
    if (!basename(readLink(link)).startsWith(name)) return false;
    const found = statSync(link, { throwIfNoEntry: false });
    return found?.dev === target.dev && found.ino === target.ino;
  });
}

/** `python main.py` in the agent's folder or in its clone, however it was started. */
function runsOriginal(pid: number, [program, ...args]: readonly string[], folder: string): boolean {
  if (!/^python[0-9.]*$/.test(basename(program ?? ''))) return false;
  const script = args.find((arg) => basename(arg) === 'main.py');
  if (script === undefined) return false;
  const cwd = readLink(`/proc/${pid}/cwd`);
  return isInside(cwd, folder) || isInside(resolve(cwd, script), folder);
}

function isInside(file: string, folder: string): boolean {
  return file === folder || file.startsWith(folder + sep);
}

function argumentsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean);
  } catch {
    return [];
  }
}

function readLink(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}

/** Processes come and go, others' are closed to us, and not every system has /proc. */
function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
