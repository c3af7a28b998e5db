/** Finds processes by a variable of their environment: it is inherited by all that a test starts. */
import fs from 'node:fs';

export type Found = { pid: number; command: string };

/** Processes that carry `variable` (`NAME=value`), this one excluded. Empty where there is no /proc. */
export function processesMarked(variable: string): Found[] {
  const pids = fs.existsSync('/proc/self/environ') ? fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : [];
  return pids
    .filter((pid) => Number(pid) !== process.pid && read(`/proc/${pid}/environ`).split('\0').includes(variable))
    .map((pid) => ({ pid: Number(pid), command: read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim() }));
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return ''; // It ended meanwhile, or is another user's.
  }
}
