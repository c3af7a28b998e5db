import { type Command, defineCommand } from '../command.ts';
import { steer } from '../steer.ts';

export const restart: Command = defineCommand({
  name: 'restart',
  summary: 'Stop agents, start them again and wait until they are ready',
  arguments: { ids: { count: 'some', description: 'Agents, by id or its beginning, or all' } },
  options: {},
  examples: [
    { line: 'animus restart 7216', effect: 'the agent whose id begins so' },
    { line: 'animus restart all', effect: 'every agent' },
  ],
  run: async ({ ids, json }, context) => await steer('restart', ids, json, context),
});
