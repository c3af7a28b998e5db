/** Sees a Broca that somebody started with `broca run` while the supervisor holds its agent for stopped, which it does not look at. */
import type { AgentStatus } from 'animus-protocol';
import { agentPaths } from '../home/paths.ts';
import { askBroca } from './ask-broca.ts';

/** The status as it is, or with the process that runs by hand. */
export async function withByHand(status: AgentStatus, home: string, now: number): Promise<AgentStatus> {
  const mayRun = status.phase === 'stopped' || status.phase === 'broken' || status.phase === 'backing-off';
  if (!mayRun) return status;
  const answer = await askBroca(agentPaths(home, status.id).socket);
  // One with a nonce was started by the supervisor since it answered.
  if ((answer.kind !== 'starting' && answer.kind !== 'ready') || answer.hello.nonce !== null) return status;
  const { pid, startedAt, release } = answer.hello;
  return {
    ...status,
    phase: answer.kind,
    pid,
    startedAt,
    uptimeMs: Math.max(0, now - startedAt),
    release,
    version: answer.hello.version,
    beat: answer.kind === 'ready' ? answer.beat : null,
    reason: null,
    startedByHand: true,
    isolation: 'none',
  };
}
