/** Finds the agents of a home: each folder `agent-<id>` is one. Used by the supervisor's reconcile and by the CLI. */
import fs from 'node:fs';
import { type AgentId, agentIdOfFolder } from 'animus-protocol';

/** Ids of all agent folders, sorted. A home that is not there has none. */
export function scanAgents(home: string): AgentId[] {
  const ids: AgentId[] = [];
  for (const entry of readFolder(home)) {
    const id = entry.isDirectory() ? agentIdOfFolder(entry.name) : null;
    if (id !== null) ids.push(id);
  }
  return ids.sort();
}

function readFolder(folder: string): fs.Dirent[] {
  try {
    return fs.readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
