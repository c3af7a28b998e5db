/** An agent's key at Letta, as a person gives it: as a word, from standard input, from the environment, or when asked. */
import { failed, ok, type Result } from 'animus-protocol';
import type { CliContext } from './context.ts';
import { askSecret, readFirstLine } from './questions.ts';

export type KeySources = {
  /** The word on the command line; null where none was given or the command takes none. */
  word: string | null;
  fromStdin: boolean;
  /** How to type the command, for the hint of --key-stdin. */
  usage: string;
};

/** Null: none was said, and nobody is there to be asked. */
export async function readAgentKey({ word, fromStdin, usage }: KeySources, context: CliContext): Promise<Result<string | null, string>> {
  if (word !== null && fromStdin) return failed('the key is given twice: leave out either the word or --key-stdin');
  if (word !== null) return ok(word);
  if (fromStdin) {
    const key = await readFirstLine(context.input());
    return key.trim() === ''
      ? failed(`--key-stdin: nothing came in; write the key to standard input, as in: ${usage} --key-stdin < key.txt`)
      : ok(key.trim());
  }
  if (context.agentKey !== null) return ok(context.agentKey);
  const input = context.input();
  if (!input.isTTY) return ok(null);
  const answer = await askSecret(input, "The agent's key at Letta (it is not shown): ");
  if (!answer.ok) return answer;
  return answer.value.trim() === '' ? failed('no key was given') : ok(answer.value.trim());
}
