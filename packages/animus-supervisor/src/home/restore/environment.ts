/** `.env` and settings.json of a restored agent: what the backup holds, what is here already, what a person says. */
import { type AgentId, failed, ok, parseSettings, type Result, setEnvironmentValues } from 'animus-protocol';

export type EnvironmentSources = {
  id: AgentId;
  /** Text in the backup, null when it holds none; and that of the folder, null when there is none. */
  archived: string | null;
  present: string | null;
  /** The backup's goes before what is here. */
  isArchivedWanted: boolean;
  /** As a person said it, or as the backup remembers it; null where neither does. */
  endpoint: string | null;
  key: string | null;
};

/** Null: what is here stays. A key that was changed since the backup is the better one, so what is here goes first. */
export function chooseEnvironment(sources: EnvironmentSources): Result<string | null, string> {
  const { id, archived, present, isArchivedWanted, endpoint, key } = sources;
  if (present !== null && !(isArchivedWanted && archived !== null)) return ok(null);
  const said = { ...(endpoint === null ? {} : { AGENT_ENDPOINT: endpoint }), ...(key === null ? {} : { AGENT_API_KEY: key }) };
  if (archived !== null) return setEnvironmentValues(archived, { AGENT_ID: id, ...said });
  if (endpoint === null) return failed("this backup has no .env, and does not say where the agent's Letta is: add --endpoint URL");
  if (key === null) return failed('this backup has no .env: pipe the key in with --key-stdin, or set ANIMUS_AGENT_KEY');
  return setEnvironmentValues('', { AGENT_ID: id, AGENT_ENDPOINT: endpoint, AGENT_API_KEY: key });
}

/** settings.json may name the agent too. */
export function settingsFor(id: AgentId, text: string): string {
  const { settings } = parseSettings(text);
  if (settings.agent?.id === undefined) return text;
  const written: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
  if (typeof written !== 'object' || written === null || !('agent' in written) || typeof written.agent !== 'object') return text;
  return `${JSON.stringify({ ...written, agent: { ...written.agent, id } }, null, 2)}\n`;
}
