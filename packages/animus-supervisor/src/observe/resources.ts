/** What processes and those they started use, read for all of them in one call. */
import pidusage from 'pidusage';
import { findDescendants } from '../worker/proc.ts';

export type Usage = {
  /** Per cent of one core since the last sample. */
  cpu: number;
  /** Resident. What several processes share counts for each. */
  memoryBytes: number;
};

/** By the process whose tree it is. Processes that are gone are left out. */
export async function sampleTrees(pids: readonly number[]): Promise<Map<number, Usage>> {
  const trees = pids.map((pid) => [pid, ...findDescendants(pid)]);
  const each = await sampleResources([...new Set(trees.flat())]);
  const usages = new Map<number, Usage>();
  for (const [pid = 0, ...below] of trees) {
    const main = each.get(pid);
    if (main === undefined) continue;
    const all = [main, ...below.flatMap((other) => each.get(other) ?? [])];
    const cpu = all.reduce((sum, usage) => sum + usage.cpu, 0);
    const memoryBytes = all.reduce((sum, usage) => sum + usage.memoryBytes, 0);
    usages.set(pid, { cpu: Math.round(cpu * 10) / 10, memoryBytes });
  }
  return usages;
}

async function sampleResources(pids: readonly number[]): Promise<Map<number, Usage>> {
  const usages = new Map<number, Usage>();
  if (pids.length === 0) return usages;
  const stats: Record<string, { cpu: number; memory: number } | null> = await pidusage([...pids]);
  for (const pid of pids) {
    const stat = stats[pid];
    if (stat !== undefined && stat !== null) usages.set(pid, { cpu: Math.round(stat.cpu * 10) / 10, memoryBytes: stat.memory });
  }
  return usages;
}
