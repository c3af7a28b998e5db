/** Changes single values of an agent's `.env`; all else in it stays byte by byte, and a kill leaves the old or the new. */
import { type Result, setEnvironmentValues } from 'animus-protocol';
import type { AgentPaths } from './paths.ts';
import { replaceFile } from './replace-file.ts';

/** Refuses when somebody else has changed the file since `before` was read. */
export function changeEnvironment(agent: AgentPaths, before: string, values: Readonly<Record<string, string>>): Result<null, string> {
  const changed = setEnvironmentValues(before, values);
  return changed.ok ? replaceFile(agent.environment, before, changed.value) : changed;
}
