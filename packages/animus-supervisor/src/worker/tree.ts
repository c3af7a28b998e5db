/** Ends what a Broca left behind, down to the last grandchild, by the best that is known of how to find it. */
import { setTimeout as wait } from 'node:timers/promises';
import { endCgroup } from './cgroup.ts';
import { NONCE_VARIABLE } from './host-pid.ts';
import { findByEnvironment, groupLives } from './proc.ts';
import { signal } from './process.ts';
import type { RunRecord } from './record.ts';

/** A chain of processes that each start the next outruns a look now and then, not this many. */
const MOST_LOOKS = 40;

export type Tree = Pick<RunRecord, 'nonce' | 'tree' | 'cgroup'> & {
  /** The process group that its shim leads, or led. */
  group: number | null;
};

/**
 * Its shim is gone, or no longer of use. Resolves when nothing that can be found lives. In a pid namespace the group is
 * enough: the namespace's first process is in it, and ends only after all others.
 */
export async function endTree({ nonce, tree, cgroup, group }: Tree): Promise<void> {
  for (let pauseMs = 2; group !== null && groupLives(group); pauseMs = Math.min(100, pauseMs * 2)) {
    signal(-group, 'SIGKILL');
    await wait(pauseMs);
  }
  if (cgroup !== null) await endCgroup(cgroup);
  else if (tree !== 'namespace') await endMarked(nonce);
}

/** Stopped first, so that none starts another while the rest is looked for. */
async function endMarked(nonce: string): Promise<void> {
  const found = new Set<number>();
  for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
    const fresh = findByEnvironment(NONCE_VARIABLE, nonce).filter((pid) => !found.has(pid));
    if (fresh.length === 0) break;
    for (const pid of fresh) {
      found.add(pid);
      signal(pid, 'SIGSTOP');
    }
  }
  for (let pauseMs = 2; pauseMs < 500; pauseMs *= 2) {
    const left = findByEnvironment(NONCE_VARIABLE, nonce);
    if (left.length === 0) return;
    for (const pid of left) signal(pid, 'SIGKILL');
    await wait(pauseMs);
  }
}
