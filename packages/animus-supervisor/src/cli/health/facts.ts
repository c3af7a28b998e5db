/** Gathers what health judges: an agent's files, its configuration, and what the supervisor or Broca itself says. Reads only. */
import fs from 'node:fs';
import path from 'node:path';
import { type AgentId, type AgentStatus, type BeatReport, findSetAside, loadBrocaConfig, type Problem, UPDATE_PLAN } from 'animus-protocol';
import { findWrongAgentModes, formatWrongMode } from '../../home/modes.ts';
import { type AgentPaths, agentPaths } from '../../home/paths.ts';
import { isMadeByHand } from '../../home/python-home.ts';
import { currentRelease } from '../../home/release-file.ts';
import { findLockHolder } from '../../worker/proc.ts';
import { askBroca, type BrocaAnswer } from '../ask-broca.ts';
import { withByHand } from '../by-hand.ts';
import { readText } from '../read-text.ts';

/** Who told how the agent's process is. */
export type ProcessFacts = { from: 'supervisor'; status: AgentStatus } | { from: 'broca'; answer: BrocaAnswer; isWanted: boolean };

export type FileFacts = {
  id: AgentId;
  hasDatabase: boolean;
  /** Its mode, an attribute or its file system keeps Broca from writing it. */
  isReadOnly: boolean;
  /** Damaged databases that were set aside, and wait for a person. */
  setAside: string[];
  hasEnvironment: boolean;
  hasClone: boolean;
  /** Made for the Python Broca and not taken over; the release's fault says what to do. */
  isMadeByHand: boolean;
  /** Why the release in use cannot run, or null. */
  releaseFault: string | null;
  hasLogs: boolean;
  /** Of an update that has begun its switch and not decided: its Broca takes nothing in. `held`: somebody is at it. */
  undecided: 'held' | 'left' | null;
  /** What others could read, each with its sentence. */
  wrongModes: { of: 'database' | 'configuration' | 'folder'; fault: string }[];
};
export type AgentFacts = FileFacts & { process: ProcessFacts };

/** A running Broca reads its files again within this time of a change; what changed later is looked at here. */
const UNREAD_MS = 5_000;

export function readFileFacts(home: string, id: AgentId): FileFacts {
  const agent = agentPaths(home, id);
  const release = currentRelease(home, agent);
  return {
    id,
    hasDatabase: isDatabase(agent),
    isReadOnly: !mayWrite(agent.database),
    setAside: findSetAside(agent.folder),
    hasEnvironment: fs.existsSync(agent.environment),
    hasClone: fs.existsSync(agent.clone),
    isMadeByHand: isMadeByHand(agent),
    releaseFault: release.ok ? null : release.error,
    hasLogs: fs.existsSync(agent.logs),
    undecided: readUndecided(agent),
    wrongModes: findWrongAgentModes(agent).map((wrong) => ({
      of: wrong.path === agent.database ? 'database' : wrong.path === agent.folder ? 'folder' : 'configuration',
      fault: formatWrongMode(wrong, home),
    })),
  };
}

function readUndecided(agent: AgentPaths): FileFacts['undecided'] {
  if (!fs.existsSync(path.join(agent.folder, UPDATE_PLAN))) return null;
  return findLockHolder(agent.switchLock) === null ? 'left' : 'held';
}

/**
 * What is wrong with an agent's configuration. A Broca that runs has read the same files: when it has
 * nothing to say of them, and they are as it read them, they are not parsed once more (half of health's time).
 */
export function readConfigProblems(home: string, id: AgentId, beat: BeatReport | null): Problem[] {
  const agent = agentPaths(home, id);
  if (beat !== null && beat.problems.length === 0 && changedAt(agent) < beat.at - UNREAD_MS) return [];
  // Without the fleet's file: its faults are the home's, and are told once there.
  const files = { agentIdOfFolder: id, environment: readText(agent.environment), settings: readText(agent.settings), fleet: null };
  return loadBrocaConfig(files).problems;
}

/** When the newer of the two files, or who may read it, was changed (ms); now where one cannot be looked at. */
function changedAt(agent: AgentPaths): number {
  const times = [agent.environment, agent.settings].map((file) => fs.statSync(file, { throwIfNoEntry: false })?.ctimeMs);
  return Math.max(...times.map((time) => time ?? Number.POSITIVE_INFINITY));
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

function mayWrite(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.W_OK);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}
