/** An agent's state in the words that status, ls and top share. */
import fs from 'node:fs';
import path from 'node:path';
import type { AgentId, AgentStatus, BeatReport, DeathKind } from 'animus-protocol';
import { agentPaths } from '../home/paths.ts';
import type { Colour } from './render.ts';

/** With the release it is started with next, which may not be the one it runs. */
export type Shown = AgentStatus & { deployedRelease: string | null };

const DEATHS: Readonly<Record<DeathKind, string>> = {
  code: 'by its own exit',
  signal: 'by a signal',
  'out-of-memory': 'out of memory',
  watchdog: 'silent',
  'memory-limit': 'over its memory limit',
  'not-ready': 'not ready in time',
  unseen: 'unseen',
};

export function phaseColour({ phase, wanted }: Pick<AgentStatus, 'phase' | 'wanted'>): Colour {
  if (phase === 'ready') return 'green';
  if (phase === 'stopped') return wanted === 'stopped' ? 'dim' : 'red';
  return phase === 'broken' || phase === 'unhealthy' ? 'red' : 'yellow';
}

/** `2 by a signal, 1 silent`; null when it never died. */
export function countDeaths({ deaths }: Pick<AgentStatus, 'deaths'>): string | null {
  const counts = Object.entries(DEATHS).flatMap(([kind, words]) => {
    const count = deaths[kind as DeathKind] ?? 0;
    return count === 0 ? [] : [`${count} ${words}`];
  });
  return counts.length === 0 ? null : counts.join(', ');
}

/** The release an agent is started with next, or null when it has none. */
export function deployedRelease(home: string, id: AgentId): string | null {
  try {
    return path.basename(fs.readlinkSync(agentPaths(home, id).currentRelease));
  } catch {
    return null;
  }
}

/** What it runs is not what is deployed: a new release takes effect with the next start. */
export function runsOlder(running: string | null, deployed: string | null): boolean {
  return running !== null && deployed !== null && running !== deployed;
}

export function orDash<T>(value: T | null, show: (value: T) => string): string {
  return value === null ? '-' : show(value);
}

/** Waiting and running turns. */
export function queueOf({ beat }: Pick<AgentStatus, 'beat'>): number | null {
  return beat === null ? null : beat.queue.waiting + beat.queue.running;
}

/** What a person notices who waits for an answer. */
const LATE_FROM_MS = 1_000;

/** Why all that an agent does comes late, or null while it does not. Its watchdog bears this; a person should know. */
export function lateness({ eventLoopDelayMs }: Pick<BeatReport, 'eventLoopDelayMs'>): string | null {
  if (eventLoopDelayMs < LATE_FROM_MS) return null;
  const seconds = (eventLoopDelayMs / 1_000).toFixed(1);
  return `its event loop is ${seconds} s late: a plugin computes too long at a time, or the machine is short of CPU`;
}

/** All that a person should know of why an agent is as it is; empty when there is nothing to say. */
export function reasonOf(agent: Shown): string {
  if (agent.reason === null && agent.startedByHand) return 'runs by hand';
  const deaths = agent.phase === 'ready' ? countDeaths(agent) : null;
  const reasons = [agent.reason === null || deaths === null ? agent.reason : `${agent.reason} (${deaths})`];
  const letta = agent.beat?.letta;
  if (letta?.state === 'held') reasons.push(`its turns wait: ${letta.reason}`);
  if (letta?.state === 'unreachable') reasons.push(`Letta cannot be reached: ${letta.reason}`);
  if (runsOlder(agent.release, agent.deployedRelease)) reasons.push(`runs an older release (${agent.release}); restart it`);
  return reasons.filter((reason) => reason !== null).join('; ');
}
