/** What processes use, read for all of them in one call. */
import pidusage from 'pidusage';

export type Usage = {
  /** Per cent of one core since the last sample. */
  cpu: number;
  /** Resident. */
  memoryBytes: number;
};

/** Processes that are gone are left out. */
export async function sampleResources(pids: readonly number[]): Promise<Map<number, Usage>> {
  const usages = new Map<number, Usage>();
  if (pids.length === 0) return usages;
  const stats: Record<string, { cpu: number; memory: number } | null> = await pidusage([...pids]);
  for (const pid of pids) {
    const stat = stats[pid];
    if (stat !== undefined && stat !== null) usages.set(pid, { cpu: Math.round(stat.cpu * 10) / 10, memoryBytes: stat.memory });
  }
  return usages;
}
