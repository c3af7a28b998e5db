import fs from 'node:fs';
import { type AgentId, EXIT, failed, ok, type Result } from 'animus-protocol';
import { agentPaths, type HomePaths } from '../../home/paths.ts';
import { chooseAgents, missingHome } from '../agents.ts';
import { type Command, defineCommand } from '../command.ts';
import { readFleetConfig } from '../fleet-config.ts';
import { readLast } from '../logs/files.ts';
import { createFollower } from '../logs/follow.ts';
import { LEVELS, type LineFilter, type LogLine, readSince } from '../logs/line.ts';
import { makeLineWriter } from '../logs/show.ts';
import { agentLog, SUPERVISOR, supervisorLog } from '../logs/sources.ts';

const DEFAULT_COUNT = 50;

export const logs: Command = defineCommand({
  name: 'logs',
  summary: 'Logs of agents and of the supervisor, merged by time',
  arguments: { ids: { count: 'many', description: 'Agents, by id or its beginning, or supervisor; everything without any' } },
  options: {
    follow: { kind: 'flag', short: 'f', description: 'Go on with what is written; Ctrl-C ends it' },
    lines: {
      kind: 'number',
      short: 'n',
      placeholder: 'count',
      description: `How many of the last lines, ${DEFAULT_COUNT} unless --since is given`,
    },
    since: { kind: 'text', placeholder: '30m, 2h, 7d or a date', description: 'Only what is newer' },
    level: { kind: 'text', placeholder: 'level', description: 'Only this level and worse', choices: LEVELS },
    grep: { kind: 'text', placeholder: 'text', description: 'Only lines that hold this, in any case of letters' },
    output: { kind: 'flag', description: "An agent's raw output (logs/output.log) instead: why it did not even start" },
  },
  examples: [
    { line: 'animus logs -f', effect: 'everything, as it happens' },
    { line: 'animus logs 7216 --since 2h --level warn', effect: "one agent's troubles" },
    { line: 'animus logs --json | jq .event', effect: 'the lines as they were written, with who wrote them' },
  ],
  run: async (values, { home, screen, now, interruption }) => {
    const { ids, json } = values;
    const chosen = chooseLogs(home, ids);
    const filter = readFilter(values, now());
    const config = readFleetConfig(home);
    const fault = [chosen, filter].find((part) => !part.ok);
    if (!chosen.ok || !filter.ok) {
      screen.complain(fault === undefined || fault.ok ? '' : fault.error);
      return chosen.ok ? EXIT.usage : EXIT.failed;
    }
    if (values.output) {
      printOutputs(home, chosen.value.agents(), values.lines ?? DEFAULT_COUNT, screen.print);
      return EXIT.done;
    }
    const sources = () => [
      ...chosen.value.agents().map((id) => agentLog(home, id)),
      ...(chosen.value.hasSupervisor ? [supervisorLog(home)] : []),
    ];
    const write = makeLineWriter(
      screen,
      config.ok ? config.value.timezone : null,
      sources().map(({ from }) => from),
    );
    const show = (lines: LogLine[]): void => {
      for (const line of lines) screen.print(json ? asJson(line) : write(line));
    };
    const count = values.lines ?? (values.since === null ? DEFAULT_COUNT : null);
    using follower = values.follow ? createFollower(sources) : null;
    const last = sources().flatMap((source) => readLast(source, filter.value, count, follower?.endOf(source.file) ?? null));
    last.sort((a, b) => a.at - b.at);
    show(count === null ? last : last.slice(last.length - Math.min(count, last.length)));
    if (follower !== null) await follower.follow({ ...filter.value, since: null }, show, AbortSignal.any([interruption(), screen.closed]));
    return EXIT.done;
  },
});

type ChosenLogs = { agents: () => AgentId[]; hasSupervisor: boolean };

function chooseLogs(home: HomePaths, words: readonly string[]): Result<ChosenLogs, string> {
  const missing = missingHome(home.home);
  if (missing !== null) return failed(missing);
  const isAll = words.length === 0 || words.includes('all');
  const names = words.filter((word) => word !== SUPERVISOR);
  if (!isAll && names.length === 0) return ok({ agents: () => [], hasSupervisor: true });
  const agents = chooseAgents(home.home, names, true);
  if (!agents.ok) return agents;
  const rescan = (): AgentId[] => {
    const now = isAll ? chooseAgents(home.home, [], true) : agents;
    return now.ok ? now.value : [];
  };
  return ok({ agents: rescan, hasSupervisor: isAll || words.includes(SUPERVISOR) });
}

function readFilter(values: { since: string | null; level: string | null; grep: string | null }, now: number): Result<LineFilter, string> {
  const since = values.since === null ? null : readSince(values.since, now);
  if (values.since !== null && since === null)
    return failed(`--since takes a span as in 30m, 2h, 7d, or a date as in 2026-11-23T10:00, not ${JSON.stringify(values.since)}`);
  return ok({ since, level: LEVELS.find((level) => level === values.level) ?? null, grep: values.grep });
}

/** The line as it was written, and whose log it stands in (`log`: the supervisor's lines have a `from` of their own). */
function asJson({ from, raw, fields }: LogLine): string {
  const whole: unknown = fields === null ? { raw } : JSON.parse(raw);
  return JSON.stringify({ log: from, ...(typeof whole === 'object' ? whole : {}) });
}

function printOutputs(home: HomePaths, agents: readonly AgentId[], count: number, print: (line: string) => void): void {
  for (const id of agents) {
    const file = agentPaths(home.home, id).outputLog;
    const lines = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trimEnd().split('\n').slice(-count) : [];
    for (const line of lines) print(agents.length === 1 ? line : `${id} ${line}`);
  }
}
