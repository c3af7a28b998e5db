/** What the system lets one program and one user have at once: open files, processes. */
import { namesIn } from '../../home/names-in.ts';
import { readText } from '../read-text.ts';
import type { Check, HomeSubject } from './check.ts';
import { judgeLimits, type LimitFigures } from './machine-policy.ts';

/** Of the supervisor that runs; else what one would get that is started from here. */
export const limits: Check<HomeSubject> = {
  name: 'limits',
  row: 'resources',
  look: ({ fleet }) => {
    const pid = fleet.runtime.supervisor?.pid ?? process.pid;
    const figures = readLimits(pid, fleet.agents.length);
    if (figures === null) return { said: 'not known on this system', findings: [] };
    const { files, processes } = figures;
    const ofProcesses = processes === null ? '' : `, ${processes.used} of ${shown(processes.limit)} processes and threads`;
    return { said: `${files.used} of ${shown(files.limit)} files open${ofProcesses}`, findings: judgeLimits(figures) };
  },
};

function shown(limit: number): string {
  return Number.isFinite(limit) ? String(limit) : 'unlimited';
}

function readLimits(pid: number, agents: number): LimitFigures | null {
  const text = readText(`/proc/${pid}/limits`);
  const files = softLimit(text, 'Max open files');
  const processes = softLimit(text, 'Max processes');
  if (files === null || processes === null) return null;
  const uid = process.getuid?.() ?? 0;
  return {
    agents,
    files: { used: namesIn(`/proc/${pid}/fd`).length, limit: files },
    // The kernel does not hold root to it.
    processes: uid === 0 ? null : { used: countThreads(uid), limit: processes },
  };
}

function softLimit(text: string | null, name: string): number | null {
  const found = new RegExp(`^${name} +(\\S+)`, 'm').exec(text ?? '')?.[1];
  if (found === undefined) return null;
  return found === 'unlimited' ? Number.POSITIVE_INFINITY : Number(found);
}

/** Each thread counts as a process there. */
function countThreads(uid: number): number {
  let count = 0;
  for (const pid of namesIn('/proc').filter((name) => /^\d+$/.test(name))) {
    const status = readText(`/proc/${pid}/status`) ?? '';
    if (Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]) === uid) count += Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 1);
  }
  return count;
}
