/**
 * What the kernel says of a process. A pid alone names nobody: it is reused. Pid, kernel start time and
 * boot together name one process for good. Where there is no /proc (macOS) only liveness is known.
 */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

export type ProcessIdentity = {
  pid: number;
  /** Clock ticks since boot, or null where the kernel does not tell. */
  startTicks: number | null;
  bootId: string | null;
  /** In which the pid is one; in another (a container) the same number is somebody else. null: not known. */
  pidNamespace: string | null;
};

type ProcessStat = { state: string; group: number; startTicks: number };

/** Null when there is no such process. */
export function readProcessStat(pid: number): ProcessStat | null {
  const fields = readStatFields(pid);
  return fields === null ? null : { state: fields[0] ?? '?', group: Number(fields[2]), startTicks: Number(fields[19]) };
}

export type ProcessUsage = {
  /** Time on a processor so far, in user and in kernel mode. */
  cpuSeconds: number;
  /** Seconds after boot. */
  startedAt: number;
  /** Resident. */
  memoryBytes: number;
};

/** The kernel's own unit in what it shows of times: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
let pageBytes: number | null = null;

/** Null when there is no such process. */
export function readProcessUsage(pid: number): ProcessUsage | null {
  const fields = readStatFields(pid);
  if (fields === null) return null;
  pageBytes ??= measurePage();
  const [ticks, startTicks, pages] = [Number(fields[11]) + Number(fields[12]), Number(fields[19]), Number(fields[21])];
  return { cpuSeconds: ticks / TICKS_PER_SECOND, startedAt: startTicks / TICKS_PER_SECOND, memoryBytes: pages * pageBytes };
}

/** Node says in bytes what the kernel says in pages: the power of two between them, for what grows between two looks. */
function measurePage(): number {
  const bytes = process.memoryUsage.rss();
  return 2 ** Math.round(Math.log2(bytes / Number(readStatFields(process.pid)?.[21])));
}

/** The name in brackets may hold anything, brackets too: fields are counted from its end (man 5 proc). */
function readStatFields(pid: number): string[] | null {
  const text = readText(`/proc/${pid}/stat`);
  return text === null ? null : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

export function readBootId(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return null;
  }
}

/** Ours, as in `pid:[4026531836]`. */
function readPidNamespace(): string | null {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return null;
  }
}

/** Which folder this is, whatever it is called and wherever it is moved on its disk; null when there is none. */
export function identifyFolder(folder: string): string | null {
  const stat = statSync(folder, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? null : `${stat.dev}:${stat.ino}`;
}

export function identify(pid: number): ProcessIdentity {
  return { pid, startTicks: readProcessStat(pid)?.startTicks ?? null, bootId: readBootId(), pidNamespace: readPidNamespace() };
}

/** It ran before this machine (or the container with its pids) was started anew: nothing of it can live. */
export function isOfAnEarlierBoot({ bootId, pidNamespace }: ProcessIdentity): boolean {
  const [boot, namespace] = [readBootId(), readPidNamespace()];
  return (
    (bootId !== null && boot !== null && bootId !== boot) || (pidNamespace !== null && namespace !== null && pidNamespace !== namespace)
  );
}

/** Whether just this process lives. A zombie is dead: it answers signals, but runs nothing. */
export function isAlive(identity: ProcessIdentity): boolean {
  if (identity.startTicks === null) return answersSignals(identity.pid);
  if (identity.bootId !== readBootId()) return false;
  if (identity.pidNamespace !== null && identity.pidNamespace !== readPidNamespace()) return false;
  const stat = readProcessStat(identity.pid);
  return stat !== null && stat.state !== 'Z' && stat.state !== 'X' && stat.startTicks === identity.startTicks;
}

/** Whether anything of a process group lives, zombies left aside. */
export function groupLives(group: number): boolean {
  if (!answersSignals(-group)) return false;
  const pids = allPids();
  if (pids.length === 0) return true;
  return pids.some((pid) => {
    const stat = readProcessStat(pid);
    return stat !== null && stat.group === group && stat.state !== 'Z' && stat.state !== 'X';
  });
}

/** Processes whose environment at their start held `name=value`. Reads every process of this user; for rare questions. */
export function findByEnvironment(name: string, value: string): number[] {
  return allPids().filter((pid) => hasInEnvironment(pid, name, value));
}

/** Value of `name` in the environment of each process of this user that has it, and where that process stands. */
export function findCarriers(name: string): { pid: number; value: string; folder: string }[] {
  return allPids().flatMap((pid) => {
    const entry = readText(`/proc/${pid}/environ`)
      ?.split('\0')
      .find((each) => each.startsWith(`${name}=`));
    const folder = entry === undefined ? null : folderOf(pid);
    return entry === undefined || folder === null ? [] : [{ pid, value: entry.slice(name.length + 1), folder }];
  });
}

/** Whether the environment of a process at its start held `name=value`. False where that may not be read. */
export function hasInEnvironment(pid: number, name: string, value: string): boolean {
  return readText(`/proc/${pid}/environ`)?.split('\0').includes(`${name}=${value}`) ?? false;
}

/** Its pid in each namespace from ours inwards; null when that is not told. */
export function readNamespacePids(pid: number): number[] | null {
  const line = /^NSpid:(.*)$/m.exec(readText(`/proc/${pid}/status`) ?? '');
  return line?.[1] === undefined ? null : line[1].trim().split(/\s+/).map(Number);
}

/** Whether a process calls itself `inner`, in the innermost namespace it is in. */
export function callsItself(pid: number, inner: number): boolean {
  return (readNamespacePids(pid) ?? [pid]).at(-1) === inner;
}

/** The one below `ancestor` that calls itself `inner`; null when there is none. */
export function findDescendant(ancestor: number, inner: number): number | null {
  const waiting = childrenOf(ancestor);
  for (let pid = waiting.shift(); pid !== undefined; pid = waiting.shift()) {
    if (callsItself(pid, inner)) return pid;
    waiting.push(...childrenOf(pid));
  }
  return null;
}

/** A tree that forks without end is not followed further. */
const MOST_BELOW = 500;

/** Those it started, and they in turn. Left out: what a thread other than the first started, and what lost its parent. */
export function findDescendants(ancestor: number): number[] {
  const found = childrenOf(ancestor);
  for (let at = 0; at < found.length && found.length < MOST_BELOW; at += 1) found.push(...childrenOf(found[at] ?? 0));
  return found.slice(0, MOST_BELOW);
}

function childrenOf(pid: number): number[] {
  const text = readText(`/proc/${pid}/task/${pid}/children`);
  return text === null
    ? []
    : text
        .split(' ')
        .filter((word) => word !== '')
        .map(Number);
}

/** The process that has locked a file as SQLite does; null when none has, or the kernel does not tell. */
export function findLockHolder(file: string): number | null {
  const inode = statSync(file, { throwIfNoEntry: false })?.ino;
  for (const line of inode === undefined ? [] : (readText('/proc/locks') ?? '').split('\n')) {
    // 1: POSIX  ADVISORY  WRITE 4711 08:01:123456 0 EOF (man 5 proc); a pid of a namespace we are not in is 0.
    const [, kind, , , pid, place] = line.split(/\s+/);
    if (kind === 'POSIX' && place?.split(':')[2] === String(inode) && Number(pid) > 0) return Number(pid);
  }
  return null;
}

/** Processes that stand in a folder or below it. */
export function findByFolder(folder: string): number[] {
  return allPids().filter((pid) => {
    const at = folderOf(pid);
    return at !== null && (at === folder || at.startsWith(`${folder}/`));
  });
}

/** Where a process stands; null where that may not be read. */
function folderOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return null;
  }
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

function allPids(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

function answersSignals(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
