/**
 * A control group (v2) of its own for a Broca: the kernel keeps every process that it starts in there, whatever session,
 * group or environment it gives itself, and ends them all in one write. Needs a part of the tree that may be written, as
 * systemd delegates it.
 */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** The group this process is in; null where there is no cgroup v2. */
export function ownCgroup(): string | null {
  const ours = /^0::(\/.*)$/m.exec(readText('/proc/self/cgroup') ?? '')?.[1];
  // 41 31 0:38 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw (man 5 proc): the fourth is what of it is mounted, the fifth where.
  const mount = (readText('/proc/self/mountinfo') ?? '').split('\n').find((line) => line.includes(' - cgroup2 '));
  const [, , , root, place] = mount?.split(' ') ?? [];
  if (ours === undefined || root === undefined || place === undefined) return null;
  const below = path.posix.relative(root, ours);
  return below.startsWith('..') ? null : path.join(place, below);
}

/** Whether a group counts its processes, so that they can be bounded, or the kernel's kills for memory in it. */
export function counts(folder: string): boolean {
  return readText(path.join(folder, 'pids.max')) !== null || countMemoryKills(folder) !== null;
}

/** How often the kernel killed a process of the group because memory was used up; null where it does not count that. */
export function countMemoryKills(folder: string): number | null {
  const found = /^oom_kill (\d+)$/m.exec(readText(path.join(folder, 'memory.events')) ?? '');
  return found === null ? null : Number(found[1]);
}

/** `processes`: how many there may be in it, threads counted; kept where the kernel counts them. */
export function boundCgroup(folder: string, processes: number | null): void {
  const file = path.join(folder, 'pids.max');
  if (readText(file) !== null) isWritable(file, processes === null ? 'max' : String(processes));
}

/** Makes a group in `parent`; null when that may not be done, or when its kernel (before 5.14) cannot end one whole. */
export function makeCgroup(parent: string, name: string): string | null {
  const folder = path.join(parent, name);
  try {
    mkdirSync(folder);
  } catch {
    return null;
  }
  if (readText(path.join(folder, 'cgroup.events')) !== null && isWritable(path.join(folder, 'cgroup.kill'))) return folder;
  removeCgroup(folder);
  return null;
}

/** A process that writes a pid, or 0 for itself, into it is moved there. */
export function membersFile(folder: string): string {
  return path.join(folder, 'cgroup.procs');
}

/** Ends all that is in it, and removes it. Resolves when nothing of it lives. */
export async function endCgroup(folder: string): Promise<void> {
  for (let pauseMs = 2; isPopulated(folder); pauseMs = Math.min(100, pauseMs * 2)) {
    try {
      writeFileSync(path.join(folder, 'cgroup.kill'), '1');
    } catch {
      // Its last process went, and somebody removed it.
    }
    await wait(pauseMs);
  }
  removeCgroup(folder);
}

function isPopulated(folder: string): boolean {
  return /^populated 1$/m.test(readText(path.join(folder, 'cgroup.events')) ?? '');
}

function removeCgroup(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Gone, or a process of it is on its way out: an empty group costs next to nothing.
  }
}

function isWritable(file: string, text: string = '1'): boolean {
  try {
    // What the kernel refuses here it refuses when it counts: nothing is in the group yet.
    writeFileSync(file, text);
    return true;
  } catch {
    return false;
  }
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
