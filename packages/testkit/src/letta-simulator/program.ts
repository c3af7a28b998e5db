/** What the simulator's own program does with its input: lines of JSON that configure it and add agents. */
import { failed, ok, type Result } from 'animus-protocol';
import { isObject, type Json, type JsonObject, listAt, numberAt, parseJson, textAt } from './json.ts';
import { echoScript, type Script } from './script.ts';
import type { AgentSettings } from './world.ts';

/** `{"port"?: n, "pauseMs"?: n, "agents": [{"id", "apiKey", "name"?}]}`; later lines may only add agents. */
export type ProgramLine = { port: number; pauseMs: number; agents: AgentSettings[] };

export function parseProgramLine(line: string): Result<ProgramLine, string> {
  const parsed = parseJson(line);
  if (!parsed.ok || !isObject(parsed.value)) {
    return failed('expected one JSON object per line: {"agents":[{"id":"agent-…","apiKey":"…"}]}');
  }
  const agents: AgentSettings[] = [];
  for (const given of listAt(parsed.value, 'agents') ?? []) {
    const agent = parseAgent(given);
    if (agent === null) {
      return failed('every agent needs an id and an apiKey');
    }
    agents.push(agent);
  }
  return ok({ port: numberAt(parsed.value, 'port') ?? 0, pauseMs: numberAt(parsed.value, 'pauseMs') ?? 0, agents });
}

function parseAgent(given: Json): AgentSettings | null {
  const fields: JsonObject = isObject(given) ? given : {};
  const id = textAt(fields, 'id');
  const apiKey = textAt(fields, 'apiKey');
  if (id === null || apiKey === null || id === '' || apiKey === '') {
    return null;
  }
  const name = textAt(fields, 'name');
  return name === null ? { id, apiKey } : { id, apiKey, name };
}

/** Echoes, after a pause that makes a person believe somebody thought about it. */
export function programScript(pauseMs: number): Script {
  return (turn) => (pauseMs > 0 ? [{ kind: 'pause', ms: pauseMs }, ...echoScript(turn)] : echoScript(turn));
}
