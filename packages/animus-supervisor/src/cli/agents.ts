/** The agents a command is about: ids as a person wrote them, found among the folders of the home. */
import fs from 'node:fs';
import { type AgentId, failed, findAgentId, ok, type Result } from 'animus-protocol';
import { scanAgents } from '../home/scan.ts';

/** Each word is an id, its beginning, or `all`; no words mean all where `isAllAssumed`. */
export function chooseAgents(home: string, words: readonly string[], isAllAssumed: boolean): Result<AgentId[], string> {
  const known = scanAgents(home);
  if (words.length === 0 && !isAllAssumed) return failed('which agents? Name them, or write all');
  if (words.length === 0 || words.includes('all')) return ok(known);
  const chosen = new Set<AgentId>();
  for (const word of words) {
    const id = findAgentId(word, known);
    if (!id.ok) return id;
    chosen.add(id.value);
  }
  return ok([...chosen]);
}

export function chooseAgent(home: string, word: string): Result<AgentId, string> {
  return findAgentId(word, scanAgents(home));
}

/** Says that there is no home yet, or null. */
export function missingHome(home: string): string | null {
  return fs.existsSync(home) ? null : `there is no home at ${home}; make it with: animus init`;
}
