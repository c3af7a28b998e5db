import { type Command, defineCommand } from '../command.ts';
import { steer } from '../steer.ts';

export const stop: Command = defineCommand({
  name: 'stop',
  summary: 'Stop agents and wait until they have ended; they stay stopped',
  arguments: { ids: { count: 'some', description: 'Agents, by id or its beginning, or all' } },
  options: {},
  examples: [
    { line: 'animus stop 7216', effect: 'the agent whose id begins so' },
    { line: 'animus stop all', effect: 'every agent; the supervisor stays' },
  ],
  run: async ({ ids, json }, context) => await steer('stop', ids, json, context),
});
