import { type AgentId, EXIT } from 'animus-protocol';
import { prepareRollback } from '../../release/prepare-rollback.ts';
import { chooseAgent } from '../agents.ts';
import { type Command, defineCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { indented, mark } from '../render.ts';
import { asOnlyUpdate, switchAgent } from '../switch-agent.ts';
import { shortName } from '../update-agents.ts';

export const rollback: Command = defineCommand({
  name: 'rollback',
  summary: 'Go back to the release an agent ran before its last update; messages stay',
  arguments: { id: { count: 'one', description: 'The agent, by id or its beginning' } },
  options: {},
  examples: [{ line: 'animus rollback 7216', effect: 'twice: forward again' }],
  run: async ({ id: word, json }, context) => {
    const { home, screen } = context;
    const id = chooseAgent(home.home, word);
    if (!id.ok) {
      screen.complain(id.error);
      return EXIT.failed;
    }
    const outcome = await rollBack(id.value, context);
    if (json) screen.printJson({ agents: [outcome] });
    else screen.print(`${mark(screen, outcome.ok)} ${outcome.id}: ${indented(outcome.message)}`);
    return outcome.ok ? EXIT.done : EXIT.failed;
  },
});

type Outcome = { id: AgentId; ok: boolean; message: string; from: string | null; to: string | null };

async function rollBack(id: AgentId, context: CliContext): Promise<Outcome> {
  const { home, screen } = context;
  const done = await asOnlyUpdate(id, context, async () => {
    const prepared = await prepareRollback({
      home: home.home,
      id,
      now: new Date(context.now()),
      signal: context.interruption(),
      report: (step) => screen.complain(screen.paint('dim', `${step} …`)),
    });
    if (!prepared.ok) return prepared;
    const switched = await switchAgent(id, context);
    return switched.ok ? prepared : switched;
  });
  if (!done.ok) return { id, ok: false, message: done.error, from: null, to: null };
  const { from, to, database } = done.value;
  const copy = database === 'former' ? ', with the database from before its migration (nothing had changed since)' : '';
  return { id, ok: true, message: `is rolled back: ${shortName(from)} → ${shortName(to)}${copy}`, from, to };
}
