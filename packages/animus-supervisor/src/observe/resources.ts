/**
 * What processes and those they started use, read for all of them at once. From /proc where there is one: two short files
 * of each, without a thread or a promise between, which costs a fifth of what pidusage takes there (measured, 50 agents).
 * Elsewhere (macOS) pidusage asks `ps`.
 */
import os from 'node:os';
import { findDescendants, type ProcessUsage, readProcessUsage } from '../worker/proc.ts';

export type Usage = {
  /** Per cent of one core since the last sample; since its start in the first one. */
  cpu: number;
  /** Resident. What several processes share counts for each. */
  memoryBytes: number;
};

/** Of one process, as it was sampled the last time. */
type Sample = ProcessUsage & { sampledAt: number };

export class ResourceSampler {
  #samples = new Map<number, Sample>();

  /** By the process whose tree it is. Processes that are gone are left out. */
  async sampleTrees(pids: readonly number[]): Promise<Map<number, Usage>> {
    const trees = pids.map((pid) => [pid, ...findDescendants(pid)]);
    const all = trees.flat();
    const each = process.platform === 'linux' ? this.#readAll(all) : await askAll(all);
    const usages = new Map<number, Usage>();
    for (const tree of trees) {
      const [pid = 0] = tree;
      if (!each.has(pid)) continue;
      const found = tree.flatMap((member) => each.get(member) ?? []);
      const cpu = found.reduce((sum, usage) => sum + usage.cpu, 0);
      usages.set(pid, { cpu: Math.round(cpu * 10) / 10, memoryBytes: found.reduce((sum, usage) => sum + usage.memoryBytes, 0) });
    }
    return usages;
  }

  #readAll(pids: readonly number[]): Map<number, Usage> {
    const before = this.#samples;
    this.#samples = new Map();
    const usages = new Map<number, Usage>();
    for (const pid of pids) {
      const now = readProcessUsage(pid);
      if (now === null) continue;
      const sample = { ...now, sampledAt: os.uptime() };
      this.#samples.set(pid, sample);
      usages.set(pid, { cpu: cpuSince(before.get(pid), sample), memoryBytes: now.memoryBytes });
    }
    return usages;
  }
}

/** A pid that another process had before tells nothing. */
function cpuSince(before: Sample | undefined, now: Sample): number {
  const isSame = before?.startedAt === now.startedAt;
  const seconds = now.sampledAt - (isSame ? before.sampledAt : now.startedAt);
  const used = now.cpuSeconds - (isSame ? before.cpuSeconds : 0);
  return seconds <= 0 ? 0 : (used / seconds) * 100;
}

async function askAll(pids: readonly number[]): Promise<Map<number, Usage>> {
  const usages = new Map<number, Usage>();
  if (pids.length === 0) return usages;
  const { default: pidusage } = await import('pidusage');
  const stats: Record<string, { cpu: number; memory: number } | null> = await pidusage([...pids]);
  for (const pid of pids) {
    const stat = stats[pid];
    if (stat !== undefined && stat !== null) usages.set(pid, { cpu: stat.cpu, memoryBytes: stat.memory });
  }
  return usages;
}
