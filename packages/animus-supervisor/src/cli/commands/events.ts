import { EXIT } from 'animus-protocol';
import { chooseAgents, missingHome } from '../agents.ts';
import { type Command, defineCommand } from '../command.ts';
import { readFleetConfig } from '../fleet-config.ts';
import { FILTER_OPTIONS, readFilter } from '../logs/filter.ts';
import type { LogLine } from '../logs/line.ts';
import { printLog } from '../logs/print.ts';
import { makeLineWriter } from '../logs/show.ts';
import { SUPERVISOR } from '../logs/sources.ts';

const DEFAULT_COUNT = 50;

export const events: Command = defineCommand({
  name: 'events',
  summary: 'What the supervisor did and why: starts, deaths, restarts, wishes; kept on disk',
  arguments: { ids: { count: 'many', description: 'Only what is about these agents, by id or its beginning; everything without any' } },
  options: {
    ...FILTER_OPTIONS,
    lines: {
      kind: 'number',
      short: 'n',
      placeholder: 'count',
      description: `How many of the last events, ${DEFAULT_COUNT} unless --since or --until is given`,
    },
  },
  examples: [
    { line: 'animus events 7216', effect: 'what became of one agent; also when no supervisor runs' },
    { line: 'animus events --since 1d --level warn', effect: 'every death of the last day' },
    { line: 'animus events -f --json', effect: 'for programs, as it happens; goes on when the supervisor is started anew' },
  ],
  run: async (values, { home, screen, now, interruption }) => {
    const missing = missingHome(home.home);
    const agents = missing === null ? chooseAgents(home.home, values.ids, true) : { ok: false as const, error: missing };
    if (!agents.ok) {
      screen.complain(agents.error);
      return EXIT.failed;
    }
    const config = readFleetConfig(home);
    const timezone = config.ok ? config.value.timezone : null;
    const filter = readFilter(values, now(), timezone);
    if (!filter.ok) {
      screen.complain(filter.error);
      return EXIT.usage;
    }
    const isAll = values.ids.length === 0 || values.ids.includes('all');
    const agentOf = ({ fields }: LogLine): string | null => (typeof fields?.['agent'] === 'string' ? fields['agent'] : null);
    const fits = (line: LogLine): boolean => isAll || agents.value.some((id) => id === agentOf(line));
    const write = makeLineWriter(screen, timezone, [...agents.value, SUPERVISOR], describe);
    await printLog({
      sources: () => [{ from: SUPERVISOR, file: home.eventsLog }],
      filter: { ...filter.value, fits },
      count: values.lines ?? (values.since === null && values.until === null ? DEFAULT_COUNT : null),
      following: values.follow ? interruption() : null,
      closed: screen.closed,
      print: (line) => screen.print(values.json ? line.raw : write({ ...line, from: agentOf(line) ?? SUPERVISOR })),
    });
    return EXIT.done;
  },
});

function describe({ fields, raw }: LogLine): string {
  const message = fields?.['message'];
  return typeof message === 'string' ? message : raw;
}
