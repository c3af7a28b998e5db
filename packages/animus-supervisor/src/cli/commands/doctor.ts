import { EXIT } from 'animus-protocol';
import { chooseAgents, missingHome } from '../agents.ts';
import { type Command, defineCommand } from '../command.ts';
import { diagnose } from '../doctor/examine.ts';
import { diagnosisLines } from '../doctor/report.ts';

export const doctor: Command = defineCommand({
  name: 'doctor',
  summary: 'What is wrong, why, and what to do about it; --fix mends what is safe to mend; exit 1 when something is wrong',
  arguments: { ids: { count: 'many', description: 'Agents, by id or its beginning; all without any' } },
  options: { fix: { kind: 'flag', description: 'Mend what can be mended without losing anything, and say what was done' } },
  examples: [
    { line: 'animus doctor', effect: 'looks at the home, the machine and every agent, and changes nothing' },
    { line: 'animus doctor 7216 --fix', effect: 'and mends modes, leftovers, interrupted updates and restores' },
  ],
  run: async ({ ids, fix, json }, context) => {
    const { home, screen } = context;
    const missing = missingHome(home.home);
    const chosen = missing === null ? chooseAgents(home.home, ids, true) : { ok: false as const, error: missing };
    if (!chosen.ok) {
      screen.complain(chosen.error);
      return EXIT.failed;
    }
    const diagnosis = await diagnose(chosen.value, fix, context);
    if (json) screen.printJson(diagnosis);
    else for (const line of diagnosisLines(diagnosis, fix, screen)) screen.print(line);
    return diagnosis.ok ? EXIT.done : EXIT.failed;
  },
});
