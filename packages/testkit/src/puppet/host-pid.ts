/** What this machine calls a process that calls itself `pid`, perhaps in a pid namespace: the one with this nonce in its environment. */
import { readdirSync, readFileSync } from 'node:fs';

export function hostPid(pid: number, nonce: string | null): number {
  if (nonce === null) return pid;
  const found = readdirSync('/proc').find((name) => /^\d+$/.test(name) && isIt(name, pid, nonce));
  return found === undefined ? pid : Number(found);
}

function isIt(name: string, pid: number, nonce: string): boolean {
  try {
    const [inner] = /(\d+)$/.exec(/^NSpid:.*$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[0] ?? '') ?? [];
    return Number(inner) === pid && readFileSync(`/proc/${name}/environ`, 'utf8').includes(`ANIMUS_WORKER_NONCE=${nonce}`);
  } catch {
    return false;
  }
}
