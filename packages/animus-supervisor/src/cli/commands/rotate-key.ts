import { EXIT, type ExitCode } from 'animus-protocol';
import { checkKey } from '../../home/deploy.ts';
import { readAgentKey } from '../agent-key.ts';
import { agentOf, changeAccess } from '../change-access.ts';
import { type Command, defineCommand } from '../command.ts';

export const rotateKey: Command = defineCommand({
  name: 'rotate-key',
  summary: "Give an agent a new key: tried at Letta first, then in the old one's place, applied without losing a turn",
  arguments: { id: { count: 'one', description: 'The agent, by id or its beginning' } },
  options: {
    'key-stdin': { kind: 'flag', description: 'Read the key from standard input' },
    'no-check': { kind: 'flag', description: 'Do not try it at Letta' },
  },
  examples: [
    { line: 'animus rotate-key 7216', effect: 'asks for the key; it is not shown' },
    { line: 'animus rotate-key 7216 --key-stdin < key.txt', effect: 'from a file; or set ANIMUS_AGENT_KEY' },
  ],
  run: async (values, context): Promise<ExitCode> => {
    const id = agentOf(values.id, context);
    if (id === null) return EXIT.failed;
    const key = await readAgentKey({ word: null, fromStdin: values['key-stdin'], usage: `animus rotate-key ${values.id}` }, context);
    const usable = key.ok && key.value !== null ? checkKey(key.value) : key;
    if (!key.ok || key.value === null || !usable.ok) {
      context.screen.complain(usable.ok ? 'a key is missing: pipe it in with --key-stdin, or set ANIMUS_AGENT_KEY' : usable.error);
      return EXIT.usage;
    }
    return await changeAccess(id, { key: key.value }, { isChecked: !values['no-check'], json: values.json }, context);
  },
});
