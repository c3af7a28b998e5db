import { EXIT, type ExitCode } from 'animus-protocol';
import { type Command, defineCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { checkOne, print, readOrder, type UpdateOrder, type UpdateOutcome, updateAgents } from '../update-agents.ts';

export const update: Command = defineCommand({
  name: 'update',
  summary: 'Fetch and build a newer Broca, switch to it under probation, go back if it is not well',
  arguments: { ids: { count: 'some', description: 'Agents, by id or its beginning, or all: one by one, until one fails' } },
  options: {
    ref: { kind: 'text', placeholder: 'REF', description: 'Branch, tag or commit; default: broca.ref, else the branch the clone is on' },
    check: { kind: 'flag', description: 'Tell what would happen and change nothing' },
  },
  examples: [
    { line: 'animus update 7216', effect: 'also builds what was edited in its clone or its plugins' },
    { line: 'animus update all --check', effect: 'what would come, and which own changes stand in the way' },
    { line: 'animus update 7216 --ref v1.2.0', effect: 'a certain version' },
  ],
  run: async ({ ids: words, ref, check, json }, context) => {
    const order: UpdateOrder = { kind: 'update', words, isAllAssumed: false, ref, json };
    return check ? await checkAgents(order, context) : await updateAgents(order, context);
  },
});

async function checkAgents(order: UpdateOrder, context: CliContext): Promise<ExitCode> {
  const asked = readOrder(order, context);
  if (typeof asked === 'number') return asked;
  const outcomes: UpdateOutcome[] = [];
  for (const id of asked.ids) outcomes.push(await checkOne({ ...asked.base, id }, context));
  if (order.json) context.screen.printJson({ agents: outcomes });
  else for (const outcome of outcomes) print(outcome, context);
  return outcomes.every(({ ok }) => ok) ? EXIT.done : EXIT.failed;
}
