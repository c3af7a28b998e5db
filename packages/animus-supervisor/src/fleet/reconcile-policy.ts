/** What the home's folders and files ask of the fleet. Pure; fleet.ts reads the files and does it. */
import type { AgentId, Wanted } from 'animus-protocol';

export type FolderChanges = { added: AgentId[]; removed: AgentId[] };

export function compareFolders(known: readonly AgentId[], found: readonly AgentId[]): FolderChanges {
  return { added: found.filter((id) => !known.includes(id)), removed: known.filter((id) => !found.includes(id)) };
}

/**
 * What is wanted of an agent when a supervisor starts. Stopped by hand stays stopped. `autostart: false`
 * holds back a fresh start only: what ran when the former supervisor ended goes on.
 */
export function firstWanted(recorded: { wanted: Wanted; ran: boolean } | null, autostart: boolean): Wanted {
  if (recorded?.wanted === 'stopped') return 'stopped';
  return autostart || recorded?.ran === true ? 'running' : 'stopped';
}

export type TelegramIdentity = { agent: AgentId; runs: boolean; identities: readonly string[] };

/**
 * Agents that answer as the same Telegram user or bot would steal each other's messages: a copied
 * folder does. The one that runs keeps it; where none runs, the first by id.
 */
export function findSharedIdentities(agents: readonly TelegramIdentity[]): Map<AgentId, string> {
  const owners = new Map<string, AgentId>();
  const faults = new Map<AgentId, string>();
  const byRight = [...agents].sort((a, b) => Number(b.runs) - Number(a.runs) || (a.agent < b.agent ? -1 : 1));
  for (const { agent, identities } of byRight) {
    for (const identity of identities) {
      const owner = owners.get(identity);
      if (owner === undefined) owners.set(identity, agent);
      else faults.set(agent, `it has the same Telegram identity as ${owner}: each agent needs a bot or an account of its own`);
    }
  }
  return faults;
}
