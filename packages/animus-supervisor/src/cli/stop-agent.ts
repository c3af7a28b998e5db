/** Stops an agent for a command that then works on its folder, with or without a supervisor; it stays stopped. */
import { type AgentId, failed, ok, type Result } from 'animus-protocol';
import type { HomePaths } from '../home/paths.ts';
import { ask, describeFailure } from './client.ts';
import { noteStopped, stopBroca } from './stop-broca.ts';

/** The value tells whether its Broca ran. */
export async function stopAgent(home: HomePaths, id: AgentId): Promise<Result<{ ran: boolean }, string>> {
  const before = await ask(home.socket, { kind: 'status' }, { timeoutMs: 10_000 });
  const ran = before.ok && before.value.agents.some((agent) => agent.id === id && agent.wanted === 'running');
  const stopped = await ask(home.socket, { kind: 'stop', agent: id }, { timeoutMs: null });
  // 404: the supervisor does not know it (yet). The lock in its folder tells whether it runs.
  const isStopped = stopped.ok
    ? stopped.value.ok
    : stopped.error.kind === 'no-supervisor' || (stopped.error.kind === 'refused' && stopped.error.status === 404);
  if (!isStopped) return failed(`${id} could not be stopped: ${stopped.ok ? stopped.value.message : describeFailure(stopped.error)}`);
  // One that the supervisor does not know of: it is dead, or somebody started this Broca by hand.
  const end = await stopBroca(home, id);
  if (end.kind === 'failed') return failed(`${id} could not be stopped: ${end.reason}`);
  if (!before.ok) noteStopped(home, id, 'stopped');
  return ok({ ran: ran || end.kind === 'stopped' });
}
