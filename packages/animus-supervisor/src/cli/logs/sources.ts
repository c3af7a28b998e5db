import type { AgentId } from 'animus-protocol';
import { agentPaths, type HomePaths } from '../../home/paths.ts';
import type { LogSource } from './files.ts';

export const SUPERVISOR = 'supervisor';

export function agentLog(home: HomePaths, id: AgentId): LogSource {
  return { from: id, file: agentPaths(home.home, id).brocaLog };
}

export function supervisorLog(home: HomePaths): LogSource {
  return { from: SUPERVISOR, file: home.supervisorLog };
}
