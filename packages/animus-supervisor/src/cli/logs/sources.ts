import type { AgentId } from 'animus-protocol';
import { agentPaths, type HomePaths } from '../../home/paths.ts';
import type { LogSource } from './files.ts';

export const SUPERVISOR = 'supervisor';

export function agentLog(home: HomePaths, id: AgentId): LogSource {
  return { from: id, file: agentPaths(home.home, id).brocaLog };
}

/** What the process printed by itself. */
export function agentOutput(home: HomePaths, id: AgentId): LogSource {
  return { from: id, file: agentPaths(home.home, id).outputLog };
}

export function supervisorLog(home: HomePaths): LogSource {
  return { from: SUPERVISOR, file: home.supervisorLog };
}
