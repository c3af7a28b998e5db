/** What a worker is like now, in the words of the control surface. */
import type { AgentId, AgentOutcome, AgentStatus, FleetStatus, Wanted } from 'animus-protocol';
import type { Usage } from '../observe/resources.ts';
import type { Worker } from '../worker/perform.ts';

/** Whose release is being switched: stopped for that, but nobody wished it so. */
const IN_UPDATE = 'an update of it is under way';

/** `changing`: the agents of which that is true, and what is wanted of them. */
export function describeFleet(
  supervisor: FleetStatus['supervisor'],
  workers: Iterable<Worker>,
  usage: { of(pid: number | null): Usage | null },
  changing: ReadonlyMap<AgentId, Wanted>,
): FleetStatus {
  const now = Date.now();
  const agents = [...workers].map((worker) => {
    const status = describeWorker(worker, usage.of(worker.run?.pid ?? null), now);
    const wanted = changing.get(worker.agent);
    return wanted === undefined ? status : { ...status, wanted, reason: worker.state.reason ?? IN_UPDATE };
  });
  return { supervisor, agents: agents.sort((a, b) => (a.id < b.id ? -1 : 1)) };
}

/** `usage` is the process's newest sample; `now` is wall clock, ms. */
function describeWorker({ agent, state, run, deaths, lastDeath }: Worker, usage: Usage | null, now: number): AgentStatus {
  return {
    id: agent,
    phase: state.phase,
    wanted: state.wanted,
    pid: run?.pid ?? null,
    restarts: state.restarts,
    deaths,
    lastDeath,
    startedAt: run?.startedAt ?? null,
    uptimeMs: run === null ? null : Math.max(0, now - run.startedAt),
    reason: state.reason ?? (lastDeath === null || state.phase === 'stopped' ? null : `last death: ${lastDeath.how}`),
    release: run?.hello?.release ?? null,
    version: run?.hello?.version ?? null,
    cpu: usage?.cpu ?? null,
    memoryBytes: usage?.memoryBytes ?? null,
    beat: run?.beat ?? null,
    isolation: run?.isolation ?? null,
    tree: run?.tree ?? null,
    startedByHand: state.byHand,
  };
}

export function outcomeOf({ agent, state, run }: Worker, isTrue: boolean, message: string): AgentOutcome {
  return { id: agent, ok: isTrue, phase: state.phase, pid: run?.pid ?? null, message };
}

/** Nobody could tell who runs; it is asked again in a while. */
export function isUnsure({ state }: Worker): boolean {
  return state.phase === 'waiting' && state.alarmAt !== null;
}

/** How a wish to run ended, or null while it has not. */
export function judgeStart(worker: Worker): AgentOutcome | null {
  const { phase, reason } = worker.state;
  switch (phase) {
    case 'ready':
      return outcomeOf(worker, true, 'is ready');
    case 'broken':
      return outcomeOf(worker, false, `cannot start: ${reason ?? 'see logs/output.log'}`);
    case 'backing-off':
      return outcomeOf(worker, false, `died before it was ready and is tried again later: ${reason ?? 'see logs/output.log'}`);
    case 'stopped':
      return outcomeOf(worker, false, 'was stopped meanwhile');
    case 'waiting':
      return isUnsure(worker) ? outcomeOf(worker, false, `is not started: ${reason ?? 'who runs here cannot be told'}`) : null;
    case 'starting':
    case 'unhealthy':
    case 'stopping':
      return null;
  }
}

/** How a wish to stop ended, or null while it has not. */
export function judgeStop(worker: Worker): AgentOutcome | null {
  const { phase, wanted } = worker.state;
  if (phase === 'stopped') return outcomeOf(worker, true, 'is stopped');
  if (isUnsure(worker)) return outcomeOf(worker, false, `cannot be stopped: ${worker.state.reason ?? 'who runs here cannot be told'}`);
  if (wanted === 'running') return outcomeOf(worker, false, 'was started again meanwhile');
  return null;
}
