/**
 * An agent's id: always written `agent-…` (API, JSON, folder, AGENT_ID). People may type the bare
 * form, or any beginning that fits only one agent.
 */
import { failed, ok, type Result } from './result.ts';

export type AgentId = `agent-${string}`;

const PREFIX = 'agent-' as const;
/** Letta's ids are `agent-<uuid>` or `agent-local-<uuid>`; 128 keeps a folder name below the 255 bytes a file system takes. */
const LONGEST_NAME = 128;

/** Reads an id as a person may write it; the error says what to write instead. */
export function parseAgentId(input: string): Result<AgentId, string> {
  let name = input;
  while (name.startsWith(PREFIX)) name = name.slice(PREFIX.length);
  if (name.trim() === '')
    return failed('an agent id is missing: give the id Letta shows, for example agent-721679f6-c8af-4e01-8677-dc042dc80368');
  if (name.length > LONGEST_NAME) return failed(`an agent id has at most ${LONGEST_NAME} characters`);
  if (!/^[A-Za-z0-9]/.test(name) || !/^[A-Za-z0-9._-]+$/.test(name) || name.includes('..')) {
    return failed(
      `${JSON.stringify(input)} cannot be an agent id: use letters, digits, "-", "_" and single "." only, as in agent-721679f6-c8af-4e01-8677-dc042dc80368`,
    );
  }
  return ok<AgentId>(`${PREFIX}${name}`);
}

/** The agent that a folder's name belongs to, or null when it is no agent's folder (its name must be the id exactly). */
export function agentIdOfFolder(folderName: string): AgentId | null {
  const id = parseAgentId(folderName);
  return id.ok && id.value === folderName ? id.value : null;
}

/** Finds the one agent a person means by an id, its bare form, or a beginning of either. */
export function findAgentId(input: string, known: readonly AgentId[]): Result<AgentId, string> {
  const wanted = parseAgentId(input);
  if (!wanted.ok) return wanted;
  if (known.includes(wanted.value)) return ok(wanted.value);
  const matches = known.filter((id) => id.startsWith(wanted.value));
  const [only] = matches;
  if (only !== undefined && matches.length === 1) return ok(only);
  if (matches.length > 1)
    return failed(`${JSON.stringify(input)} fits ${matches.length} agents (${matches.join(', ')}): write more of the id`);
  if (known.length === 0)
    return failed(`there is no agent ${wanted.value}: none is deployed yet. Deploy one with: animus deploy <id> <endpoint> <key>`);
  return failed(`there is no agent ${wanted.value}. Known: ${known.join(', ')}`);
}
