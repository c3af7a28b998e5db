/** When `animus up -d` may answer: nobody is on its way any more, and who is ready has shown that it stays so. */
import type { AgentStatus } from 'animus-protocol';

/** Who runs already is found out within 2 s; an agent that waits for longer waits for a person. */
const LONGEST_LOOK_MS = 5_000;
/** One of which nothing is said yet is still being looked at: many agents on a busy machine take their time. */
const LONGEST_SILENT_LOOK_MS = 60_000;
/** A channel or a Letta that is slow holds nobody up for longer. */
const LONGEST_FIRST_STEPS_MS = 3_000;
/** What died once while it was looked at must stand this long to count. */
const STANDS_AFTER_DEATH_MS = 2_000;

/** `restartsBefore`: those it had when it was looked at first. `lookingMs`: since then. */
export function isSettled(agent: AgentStatus, restartsBefore: number, lookingMs: number): boolean {
  switch (agent.phase) {
    case 'waiting':
      return lookingMs >= (agent.reason === null ? LONGEST_SILENT_LOOK_MS : LONGEST_LOOK_MS);
    case 'starting':
    case 'stopping':
      return false;
    case 'ready':
      return standsByItself(agent, restartsBefore);
    case 'unhealthy':
    case 'backing-off':
    case 'broken':
      return true;
    case 'stopped':
      // One that is to run is stopped for an update that is under way, or was interrupted and is being settled.
      return agent.wanted === 'stopped';
  }
}

function standsByItself({ beat, restarts, uptimeMs }: AgentStatus, restartsBefore: number): boolean {
  const age = uptimeMs ?? 0;
  if (restarts > restartsBefore && age < STANDS_AFTER_DEATH_MS) return false;
  if (age >= LONGEST_FIRST_STEPS_MS) return true;
  if (beat === null || beat.channels.some(({ state }) => state === 'starting')) return false;
  return beat.mode !== 'live' || beat.letta.state !== 'unchecked';
}
