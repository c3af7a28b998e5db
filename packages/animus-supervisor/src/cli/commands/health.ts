import { EXIT } from 'animus-protocol';
import { chooseAgents, missingHome } from '../agents.ts';
import { type Command, defineCommand } from '../command.ts';
import { examineFleet } from '../health/examine.ts';
import { healthLines } from '../health/report.ts';

export const health: Command = defineCommand({
  name: 'health',
  summary: 'Is everything well? A line for each agent, then the runtime; exit 1 when something is not',
  arguments: { ids: { count: 'many', description: 'Agents, by id or its beginning; all without any' } },
  options: {},
  examples: [
    { line: 'animus health', effect: 'works with no supervisor running, and changes nothing' },
    { line: 'animus health 7216 --json', effect: 'one agent, for a program' },
  ],
  run: async ({ ids, json }, { home, screen, now }) => {
    const missing = missingHome(home.home);
    const chosen = missing === null ? chooseAgents(home.home, ids, true) : { ok: false as const, error: missing };
    if (!chosen.ok) {
      screen.complain(chosen.error);
      return EXIT.failed;
    }
    const fleet = await examineFleet(home, chosen.value, now());
    if (json) screen.printJson(fleet);
    else for (const line of healthLines(fleet, screen)) screen.print(line);
    return fleet.ok ? EXIT.done : EXIT.failed;
  },
});
