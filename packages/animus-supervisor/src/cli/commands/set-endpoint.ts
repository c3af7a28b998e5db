import { EXIT, type ExitCode, parseEndpoint } from 'animus-protocol';
import { agentOf, changeAccess } from '../change-access.ts';
import { type Command, defineCommand } from '../command.ts';

export const setEndpoint: Command = defineCommand({
  name: 'set-endpoint',
  summary: 'Give an agent another address of Letta: tried with its key first, applied without losing a turn',
  arguments: {
    id: { count: 'one', description: 'The agent, by id or its beginning' },
    endpoint: { count: 'one', description: "Letta's address, as in https://api.letta.com" },
  },
  options: { 'no-check': { kind: 'flag', description: 'Do not try it' } },
  examples: [{ line: 'animus set-endpoint 7216 http://localhost:8283', effect: 'the same agent, at a Letta of your own' }],
  run: async (values, context): Promise<ExitCode> => {
    const id = agentOf(values.id, context);
    if (id === null) return EXIT.failed;
    const endpoint = parseEndpoint(values.endpoint);
    if (!endpoint.ok) {
      context.screen.complain(endpoint.error);
      return EXIT.usage;
    }
    return await changeAccess(id, { endpoint: endpoint.value }, { isChecked: !values['no-check'], json: values.json }, context);
  },
});
