/** Gathers what health judges: an agent's files, its configuration, and what the supervisor or Broca itself says. Reads only. */
import fs from 'node:fs';
import { type AgentId, type AgentStatus, loadBrocaConfig, type Problem } from 'animus-protocol';
import { findWrongAgentModes, formatWrongMode } from '../../home/modes.ts';
import { type AgentPaths, agentPaths } from '../../home/paths.ts';
import { isMadeByHand } from '../../home/python-home.ts';
import { currentRelease } from '../../home/release-file.ts';
import { askBroca, type BrocaAnswer } from '../ask-broca.ts';
import { withByHand } from '../by-hand.ts';
import { readText } from '../read-text.ts';

/** Who told how the agent's process is. */
export type ProcessFacts = { from: 'supervisor'; status: AgentStatus } | { from: 'broca'; answer: BrocaAnswer; isWanted: boolean };

export type FileFacts = {
  id: AgentId;
  hasDatabase: boolean;
  hasEnvironment: boolean;
  hasClone: boolean;
  /** Made for the Python Broca and not taken over; the release's fault says what to do. */
  isMadeByHand: boolean;
  /** Why the release in use cannot run, or null. */
  releaseFault: string | null;
  hasLogs: boolean;
  problems: Problem[];
  /** What others could read, each with its sentence. */
  wrongModes: { of: 'database' | 'configuration' | 'folder'; fault: string }[];
};
export type AgentFacts = FileFacts & { process: ProcessFacts };

export function readFileFacts(home: string, id: AgentId): FileFacts {
  const agent = agentPaths(home, id);
  const release = currentRelease(home, agent);
  const environment = readText(agent.environment);
  // Without the fleet's file: its faults are the home's, and are told once there.
  const files = { agentIdOfFolder: id, environment, settings: readText(agent.settings), fleet: null };
  return {
    id,
    hasDatabase: isDatabase(agent),
    hasEnvironment: environment !== null,
    hasClone: fs.existsSync(agent.clone),
    isMadeByHand: isMadeByHand(agent),
    releaseFault: release.ok ? null : release.error,
    hasLogs: fs.existsSync(agent.logs),
    problems: loadBrocaConfig(files).problems,
    wrongModes: findWrongAgentModes(agent).map((wrong) => ({
      of: wrong.path === agent.database ? 'database' : wrong.path === agent.folder ? 'folder' : 'configuration',
      fault: formatWrongMode(wrong, home),
    })),
  };
}

export type ProcessSources = {
  home: string;
  /** What the supervisor said, by agent; null when none runs. */
  statuses: ReadonlyMap<AgentId, AgentStatus> | null;
  /** ms of the epoch. */
  now: number;
  /** What an agent should do when no supervisor says it. */
  isWanted(id: AgentId): boolean;
};

export async function askProcess(id: AgentId, { home, statuses, now, isWanted }: ProcessSources): Promise<ProcessFacts> {
  const status = statuses?.get(id);
  if (status !== undefined) return { from: 'supervisor', status: await withByHand(status, home, now) };
  return { from: 'broca', answer: await askBroca(agentPaths(home, id).socket), isWanted: isWanted(id) };
}

/** Only the file's head is read: opening it with SQLite would make files beside it. */
function isDatabase(agent: AgentPaths): boolean {
  try {
    const file = fs.openSync(agent.database, 'r');
    try {
      const head = Buffer.alloc(16);
      fs.readSync(file, head, 0, head.length, 0);
      return head.toString('latin1') === 'SQLite format 3\0';
    } finally {
      fs.closeSync(file);
    }
  } catch {
    return false;
  }
}
