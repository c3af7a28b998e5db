import { type Command, defineCommand } from '../command.ts';
import { updateAgents } from '../update-agents.ts';

export const upgrade: Command = defineCommand({
  name: 'upgrade',
  summary: 'Make a runtime of the Node and packages this Animus has, and move agents to it one by one',
  arguments: { ids: { count: 'many', description: 'Agents, by id or its beginning; none means all' } },
  options: {},
  examples: [
    { line: 'animus upgrade', effect: 'after Animus itself was installed anew; each Broca is built again from its own clone' },
    { line: 'animus upgrade 7216', effect: 'one agent first; the others stay on their runtime' },
  ],
  run: async ({ ids: words, json }, context) =>
    await updateAgents({ kind: 'upgrade', words, isAllAssumed: true, ref: null, json }, context),
});
