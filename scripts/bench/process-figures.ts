/** What the kernel says of a process: its time, its memory, the stamps it wrote. */
import fs from 'node:fs';
import { until } from './fleet.ts';

/** Time on a processor so far, of all threads, in ms. */
export function cpuMs(pid: number): number {
  const tasks = fs.readdirSync(`/proc/${pid}/task`);
  const ns = tasks.reduce((sum, task) => sum + Number(fs.readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]), 0);
  return ns / 1e6;
}

/** Resident memory in MB. */
export function rssMb(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1]) / 1024;
}

export function stamps(file: string): bigint[] {
  const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  return text.split('\n').flatMap((line) => (line === '' ? [] : [BigInt(line)]));
}

/** Waits until a file has more than `before` stamps and gives how long after `since` (monotonic, ns) the next one was, in ms. */
export async function nextStamp(file: string, before: number, since: bigint): Promise<number> {
  const stamp = await until(() => stamps(file)[before]);
  return Number(stamp - since) / 1e6;
}
