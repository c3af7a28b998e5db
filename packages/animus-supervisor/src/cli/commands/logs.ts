import { type AgentId, EXIT, failed, ok, type Result } from 'animus-protocol';
import type { HomePaths } from '../../home/paths.ts';
import { chooseAgents, missingHome } from '../agents.ts';
import { type Command, defineCommand } from '../command.ts';
import { readFleetConfig } from '../fleet-config.ts';
import type { LogSource } from '../logs/files.ts';
import { FILTER_OPTIONS, readFilter } from '../logs/filter.ts';
import type { LineFilter, LogLine } from '../logs/line.ts';
import { printLog } from '../logs/print.ts';
import { makeLineWriter } from '../logs/show.ts';
import { agentLog, agentOutput, SUPERVISOR, supervisorLog } from '../logs/sources.ts';

const DEFAULT_COUNT = 50;

export const logs: Command = defineCommand({
  name: 'logs',
  summary: 'Logs of agents and of the supervisor, merged by time; clean removes old ones',
  arguments: {
    ids: { count: 'many', description: 'Agents, by id or its beginning, or supervisor; everything without any. Or: clean [ids…]' },
  },
  options: {
    ...FILTER_OPTIONS,
    lines: {
      kind: 'number',
      short: 'n',
      placeholder: 'count',
      description: `How many of the last lines, ${DEFAULT_COUNT} unless --since or --until is given`,
    },
    output: { kind: 'flag', description: "An agent's raw output (logs/output.log) instead: why it did not even start" },
    'older-than': {
      kind: 'text',
      placeholder: '12h, 7d or a date',
      description: 'clean: all rotated before then, instead of what logs.keep_days and logs.keep_megabytes say',
    },
    'dry-run': { kind: 'flag', description: 'clean: only say what would be removed' },
  },
  examples: [
    { line: 'animus logs -f', effect: 'everything, as it happens' },
    { line: 'animus logs 7216 --since 2h --level warn', effect: "one agent's troubles" },
    { line: 'animus logs --since 2026-11-23T10:00 --until 2026-11-23T10:30', effect: 'half an hour, rotated files included' },
    { line: 'animus logs clean --older-than 2d', effect: 'removes rotated files; never the one that is written' },
    { line: 'animus logs --json | jq .event', effect: 'the lines as they were written, with who wrote them' },
  ],
  run: async (values, context) => {
    const { home, screen, now, interruption } = context;
    const [word, ...rest] = values.ids;
    const isCleaning = word === 'clean';
    const misused = misusedOptions(values, isCleaning);
    if (misused !== null) {
      screen.complain(misused);
      return EXIT.usage;
    }
    if (isCleaning) return (await import('../logs/clean.ts')).cleanLogs(rest, values, context);
    const config = readFleetConfig(home);
    const timezone = config.ok ? config.value.timezone : null;
    const chosen = chooseLogs(home, values.ids, values.output);
    if (!chosen.ok) {
      screen.complain(chosen.error);
      return EXIT.failed;
    }
    const filter = readLogFilter(values, now(), timezone);
    if (!filter.ok) {
      screen.complain(filter.error);
      return EXIT.usage;
    }
    const sources = chosen.value;
    const names = sources().map(({ from }) => from);
    const write = values.json ? asJson : values.output ? asOutput(names.length) : makeLineWriter(screen, timezone, names);
    await printLog({
      sources,
      filter: filter.value,
      count: values.lines ?? (values.since === null && values.until === null ? DEFAULT_COUNT : null),
      following: values.follow ? interruption() : null,
      closed: screen.closed,
      print: (line) => screen.print(write(line)),
    });
    return EXIT.done;
  },
});

const OF_CLEAN: readonly string[] = ['older-than', 'dry-run'];

function misusedOptions(values: Readonly<Record<string, unknown>>, isCleaning: boolean): string | null {
  const given = Object.keys(values).filter((name) => !['ids', 'json'].includes(name) && values[name] !== null && values[name] !== false);
  const wrong = given.find((name) => OF_CLEAN.includes(name) !== isCleaning);
  if (wrong === undefined) return null;
  return isCleaning ? `--${wrong} does not go with logs clean` : `--${wrong} belongs to: animus logs clean`;
}

function chooseLogs(home: HomePaths, words: readonly string[], isOutput: boolean): Result<() => LogSource[], string> {
  const missing = missingHome(home.home);
  if (missing !== null) return failed(missing);
  const isAll = words.length === 0 || words.includes('all');
  const names = words.filter((word) => word !== SUPERVISOR);
  const agents = isAll || names.length > 0 ? chooseAgents(home.home, names, true) : ok<AgentId[]>([]);
  if (!agents.ok) return agents;
  const hasSupervisor = !isOutput && (isAll || words.includes(SUPERVISOR));
  if (isOutput && !isAll && names.length === 0) return failed('--output is about agents; what the supervisor says is in its log');
  // Asked again while following: an agent that is deployed meanwhile is one of all.
  return ok(() => {
    const now = isAll ? chooseAgents(home.home, [], true) : agents;
    const logsOf = (now.ok ? now.value : []).map((id) => (isOutput ? agentOutput(home, id) : agentLog(home, id)));
    return hasSupervisor ? [...logsOf, supervisorLog(home)] : logsOf;
  });
}

type Written = Parameters<typeof readFilter>[0] & { output: boolean };

function readLogFilter(values: Written, now: number, timezone: string | null): Result<LineFilter, string> {
  const { output, since, until, level } = values;
  const given = Object.entries({ since, until, level }).find(([, value]) => value !== null);
  if (output && given !== undefined) return failed(`raw output says neither when nor how bad: --${given[0]} does not go with --output`);
  return readFilter(values, now, timezone);
}

/** The line as it was written, and whose log it stands in (`log`: the supervisor's lines have a `from` of their own). */
function asJson({ from, raw, fields }: LogLine): string {
  const whole: unknown = fields === null ? { raw } : JSON.parse(raw);
  return JSON.stringify({ log: from, ...(typeof whole === 'object' ? whole : {}) });
}

function asOutput(agents: number): (line: LogLine) => string {
  return ({ from, raw }) => (agents === 1 ? raw : `${from} ${raw}`);
}
