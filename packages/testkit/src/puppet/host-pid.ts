/** What this machine calls a process that calls itself `pid`, perhaps in a pid namespace. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The one with this nonce in its environment. */
export function hostPid(pid: number, nonce: string | null): number {
  if (nonce === null) return pid;
  return find(pid, (name) => readFileSync(`/proc/${name}/environ`, 'utf8').includes(`ANIMUS_WORKER_NONCE=${nonce}`));
}

/** The one in the same pid namespace as another. */
export function hostPidBeside(other: number, pid: number): number {
  const namespace = (name: string | number): string => readlinkSync(`/proc/${name}/ns/pid`);
  return find(pid, (name) => namespace(name) === namespace(other));
}

function find(pid: number, fits: (name: string) => boolean): number {
  const found = readdirSync('/proc').find((name) => {
    try {
      return /^\d+$/.test(name) && innermost(name) === pid && fits(name);
    } catch {
      return false;
    }
  });
  return found === undefined ? pid : Number(found);
}

function innermost(name: string): number {
  return Number(/^NSpid:.*?(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1]);
}
