/** How an agent's Broca is started: the node of the runtime its release names, on that release's program. */
import { type AgentId, ok, type Result } from 'animus-protocol';
import { agentPaths } from '../home/paths.ts';
import { currentRelease } from '../home/release-file.ts';
import type { Launch } from '../worker/process.ts';

export type FindLaunch = (agent: AgentId) => Result<Launch, string>;

/**
 * A Broca allocates little at a time and is one of many: a small young generation and no V8 helper
 * threads save 0.6 MB each. Other V8 flags would void Node's built-in code cache (30 ms a start).
 */
export const WORKER_FLAGS: readonly string[] = ['--max-semi-space-size=1', '--v8-pool-size=0'];

export function launchFromRelease(home: string): FindLaunch {
  return (agent) => {
    const paths = agentPaths(home, agent);
    const current = currentRelease(home, paths);
    if (!current.ok) return current;
    return ok({ command: current.value.runtime.node, args: [...WORKER_FLAGS, paths.program, 'run'] });
  };
}
