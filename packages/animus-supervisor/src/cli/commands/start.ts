import { type Command, defineCommand } from '../command.ts';
import { steer } from '../steer.ts';

export const start: Command = defineCommand({
  name: 'start',
  summary: 'Start agents and wait until they are ready',
  arguments: { ids: { count: 'some', description: 'Agents, by id or its beginning, or all' } },
  options: {},
  examples: [
    { line: 'animus start 7216', effect: 'the agent whose id begins so' },
    { line: 'animus start all', effect: 'every agent, also those stopped by hand' },
  ],
  run: async ({ ids, json }, context) => await steer('start', ids, json, context),
});
