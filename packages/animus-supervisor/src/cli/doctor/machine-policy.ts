/** What of a machine's figures is too little. Pure. */
import { size } from '../render.ts';
import { type Finding, fault, warning } from './check.ts';

const MB = 1024 * 1024;

/** A Broca takes nothing in on a full disk; a release and a runtime need about 200 MB. */
const LEAST_DISK = 100 * MB;
const LITTLE_DISK = 1024 * MB;
/** A runtime has some thousand files. */
const LEAST_INODES = 1_000;
const LITTLE_INODES = 20_000;
/** A Broca needs 45 MB beside its heap, and a machine that swaps answers nobody. */
const LEAST_MEMORY = 64 * MB;
const LITTLE_MEMORY = 256 * MB;
/** Telegram refuses who is more than half a minute off; Letta's header tells whole seconds. */
const CLOCK_FAULT_MS = 30_000;
const CLOCK_WARNING_MS = 5_000;
/** Of a limit. */
const NEARLY_USED = 0.9;

/** `inodes` null: the file system has no such bound. */
export type DiskFigures = { place: string; free: number; inodes: { free: number; total: number } | null };

export function judgeDisk({ place, free, inodes }: DiskFigures): Finding[] {
  const findings: Finding[] = [];
  const remedy = 'make room: animus disk tells who uses it; old backups, logs (animus logs clean), other programs';
  if (free < LEAST_DISK) findings.push(fault(`only ${size(free)} are free on the disk of ${place}`, remedy));
  else if (free < LITTLE_DISK) findings.push(warning(`${size(free)} are free on the disk of ${place}`, remedy));
  if (inodes === null) return findings;
  const many = 'delete what has many small files; see: df -i, and du --inodes';
  if (inodes.free < LEAST_INODES) findings.push(fault(`only ${inodes.free} more files fit on the disk of ${place} (inodes)`, many));
  else if (inodes.free < LITTLE_INODES) findings.push(warning(`${inodes.free} more files fit on the disk of ${place} (inodes)`, many));
  return findings;
}

export function judgeMemory(available: number): Finding[] {
  const remedy =
    'end what is not needed, give agents a bound (supervisor.memoryMb), or give the machine more; animus top shows who uses it';
  if (available < LEAST_MEMORY) return [fault(`only ${size(available)} of memory are left`, remedy)];
  return available < LITTLE_MEMORY ? [warning(`${size(available)} of memory are left`, remedy)] : [];
}

export type InotifyFigures = { instances: Usage; watches: Usage };
type Usage = { used: number; limit: number };

/** Without one to be had, changes to files are seen late or not at all, and a supervisor cannot start. */
export function judgeInotify({ instances, watches }: InotifyFigures): Finding[] {
  return [...judgeLimit(instances, 'fs.inotify.max_user_instances', 1024), ...judgeLimit(watches, 'fs.inotify.max_user_watches', 524_288)];
}

function judgeLimit({ used, limit }: Usage, name: string, plenty: number): Finding[] {
  if (used < limit * NEARLY_USED) return [];
  const told = used >= limit ? fault : warning;
  return [
    told(
      `${used} of ${limit} of ${name} are used by this user`,
      `as root: sysctl -w ${name}=${Math.max(plenty, limit * 2)}, and into /etc/sysctl.d/`,
    ),
  ];
}

/** `processes` null: this user has no bound (root). `limit` Infinity: unlimited. */
export type LimitFigures = { agents: number; files: Usage; processes: Usage | null };

/** A supervisor holds 28 open, and 1 for each agent that runs (measured); more while it starts one, and for each command that asks it. */
const FILES_BASE = 128;
const FILES_PER_AGENT = 2;

export function judgeLimits({ agents, files, processes }: LimitFigures): Finding[] {
  const findings: Finding[] = [];
  const needed = FILES_BASE + FILES_PER_AGENT * agents;
  const raise = `before animus up: ulimit -n ${Math.max(4096, needed * 2)}; for a service: LimitNOFILE= in its unit`;
  if (files.limit < needed)
    findings.push(
      fault(`one program may open ${files.limit} files (ulimit -n), and a supervisor of ${agents} agents needs ${needed}`, raise),
    );
  else if (files.used >= files.limit * NEARLY_USED)
    findings.push(warning(`${files.used} of ${files.limit} files that one program may open are open (ulimit -n)`, raise));
  if (processes === null || processes.used < processes.limit * NEARLY_USED) return findings;
  const told = processes.used >= processes.limit ? fault : warning;
  const reason = `${processes.used} of ${processes.limit} processes and threads that this user may have are there (ulimit -u)`;
  return [...findings, told(reason, 'end what is not needed, or raise it: ulimit -u, /etc/security/limits.conf, LimitNPROC= of a service')];
}

/** Positive: ours is ahead. */
export function judgeClock(offsetMs: number): Finding[] {
  const away = Math.abs(offsetMs);
  if (away < CLOCK_WARNING_MS) return [];
  const told = away >= CLOCK_FAULT_MS ? fault : warning;
  const reason = `this machine's clock is ${Math.round(away / 1000)} s ${offsetMs > 0 ? 'ahead of' : 'behind'} Letta's`;
  return [told(reason, 'have it set by the network: timedatectl set-ntp true')];
}
