/** What `up`, `start` and `deploy` wait for after a Broca said that it is ready: that it stays so. */
import { setTimeout as delay } from 'node:timers/promises';
import type { AgentId, FleetStatus } from 'animus-protocol';
import { isSettled } from './settled-policy.ts';
import { askStatus } from './supervisor.ts';

const LOOK_EVERY_MS = 50;
/** Times what the last look took: the status of 200 agents, asked for without a pause, slows down the start that it waits for. */
const PAUSE_PER_LOOK = 4;
/** A supervisor that starts many agents on a busy machine may be late with an answer; one that is late so often is lost. */
const MOST_UNANSWERED = 6;

/** Waits until none of the agents is on its way any more; all, when none is named. Null when the supervisor ended, or answers no more. */
export async function awaitSettled(first: FleetStatus, socket: string, ids: readonly AgentId[] | null = null): Promise<FleetStatus | null> {
  const since = performance.now();
  const before = new Map(first.agents.map(({ id, restarts }) => [id, restarts]));
  let unanswered = 0;
  let tookMs = 0;
  for (let status = first; ; ) {
    const lookingMs = performance.now() - since;
    const looked = status.agents.filter(({ id }) => ids === null || ids.includes(id));
    if (looked.every((agent) => isSettled(agent, before.get(agent.id) ?? agent.restarts, lookingMs))) return status;
    await delay(Math.max(LOOK_EVERY_MS, PAUSE_PER_LOOK * tookMs));
    const askedAt = performance.now();
    const reply = await askStatus(socket);
    tookMs = performance.now() - askedAt;
    if (reply.ok) {
      unanswered = 0;
      status = reply.value;
    } else {
      unanswered += 1;
      if (reply.error.kind !== 'no-answer' || unanswered >= MOST_UNANSWERED) return null;
    }
  }
}

export type Fallen = { phase: string; message: string };

/** Of an agent that said it is ready: why it is not so any more, or null when it stands. */
export async function whyFallen(id: AgentId, socket: string): Promise<Fallen | null> {
  const first = await askStatus(socket);
  const status = first.ok ? await awaitSettled(first.value, socket, [id]) : null;
  const agent = status?.agents.find((each) => each.id === id);
  if (agent === undefined) return { phase: 'unknown', message: 'the supervisor has ended meanwhile, or does not know it any more' };
  if (agent.phase === 'ready') return null;
  return { phase: agent.phase, message: `was ready, but is ${agent.phase} now${agent.reason === null ? '' : `: ${agent.reason}`}` };
}
