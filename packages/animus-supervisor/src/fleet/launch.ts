/** How an agent's Broca is started: the node of the runtime its release names, on that release's program. */
import { readlinkSync } from 'node:fs';
import path from 'node:path';
import { type AgentId, ok, type Result, type Supervision } from 'animus-protocol';
import { type AgentPaths, agentPaths } from '../home/paths.ts';
import { currentRelease, type Runtime } from '../home/release-file.ts';
import { finishRestore } from '../home/restore/journal.ts';
import type { Launch } from '../isolation/isolate.ts';

export type FindLaunch = (agent: AgentId, supervision: Supervision) => Result<Launch, string>;

/**
 * A Broca allocates little at a time and is one of many: a small young generation and no V8 helper
 * threads save 0.6 MB each. Other V8 flags would void Node's built-in code cache (30 ms a start).
 */
export const WORKER_FLAGS: readonly string[] = ['--max-semi-space-size=1', '--v8-pool-size=0'];

/** Of the memory an agent may have. */
const HEAP_SHARE = 0.75;

export function launchFromRelease(home: string): FindLaunch {
  return (agent, supervision) => {
    const paths = agentPaths(home, agent);
    // Its command was killed between two renames.
    finishRestore(paths);
    const current = currentRelease(home, paths);
    if (!current.ok) return current;
    const { runtime } = current.value;
    return ok({
      node: runtime.node,
      nodeMajor: nodeMajorOf(runtime),
      flags: [...WORKER_FLAGS, ...heapFlags(supervision), ...supervision.nodeOptions],
      program: [paths.program, 'run'],
      readable: [runtime.folder],
      codeCache: codeCacheOf(paths),
    });
  };
}

/** Its name says it (home/runtime.ts). */
function nodeMajorOf({ version }: Runtime): number {
  return Number(/-node(\d+)\./.exec(version)?.[1] ?? 24);
}

/** Broca keeps compiled code beside its program, by the program's real path (broca-core's main.ts). */
function codeCacheOf({ releases, currentRelease }: AgentPaths): string | null {
  try {
    return path.join(releases, path.basename(readlinkSync(currentRelease)), '.cache');
  } catch {
    return null;
  }
}

/**
 * So that V8 collects before the bound is met, and a Broca that needs more says "out of memory" itself. The rest is
 * for what is not in the heap: Node, SQLite, buffers (45 MB, measured). Costs no start time, measured.
 */
export function heapFlags({ memoryBytes }: Supervision): string[] {
  if (memoryBytes === null) return [];
  return [`--max-old-space-size=${Math.floor((memoryBytes * HEAP_SHARE) / (1024 * 1024))}`];
}
