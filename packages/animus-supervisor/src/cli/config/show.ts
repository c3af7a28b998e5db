/** `animus config show`: what counts now, and which file says so. */
import {
  type AgentId,
  EXIT,
  type ExitCode,
  type FleetOrigin,
  formatProblem,
  type Origin,
  type Problem,
  parseFleetConfig,
  readBrocaConfig,
  readConfigFile,
  type ShownSetting,
  showFleetConfig,
  showSettings,
  showSupervision,
} from 'animus-protocol';
import { agentPaths } from '../../home/paths.ts';
import type { CliContext } from '../context.ts';
import { table } from '../render.ts';

type Shown = ShownSetting<Origin | FleetOrigin>;
/** null: the files cannot be used, the problems say why. */
type Answer = { settings: Shown[] | null; supervision: Shown[]; problems: Problem[] };

export function showConfig(id: AgentId | null, json: boolean, context: CliContext): ExitCode {
  const { screen } = context;
  const { settings, supervision, problems } = id === null ? ofFleet(context) : ofAgent(id, context);
  if (json) screen.printJson({ id, settings, supervision, problems });
  else {
    if (settings !== null) screen.print(table(['SETTING', 'VALUE', 'FROM'], settings.map(row)));
    if (supervision.length > 0) screen.print(`\n${table(['SUPERVISION', 'VALUE', 'FROM'], supervision.map(row))}`);
    for (const problem of problems) screen.complain(formatProblem(problem));
  }
  return settings === null ? EXIT.configuration : EXIT.done;
}

function ofFleet({ home }: CliContext): Answer {
  const { text, problems } = readConfigFile(home.config, 'shared');
  const parsed = parseFleetConfig(text);
  const all = [...problems, ...parsed.problems];
  const isUsable = all.every(({ severity }) => severity === 'warning');
  return { settings: isUsable ? showFleetConfig(parsed.config, text) : null, supervision: [], problems: all };
}

function ofAgent(id: AgentId, { home }: CliContext): Answer {
  const loaded = readBrocaConfig(agentPaths(home.home, id).folder);
  const { text } = readConfigFile(home.config, 'shared');
  const { config, problems } = parseFleetConfig(text);
  const isUsable = problems.every(({ severity }) => severity === 'warning');
  return {
    settings: showSettings(loaded),
    supervision: isUsable ? showSupervision(config, text, id) : [],
    problems: loaded.problems,
  };
}

const SECTIONS: Readonly<Partial<Record<Shown['origin'], string>>> = {
  agents: 'animus.config.json, agents',
  supervisor: 'animus.config.json, supervisor',
  'fleet defaults': 'animus.config.json, defaults',
};

function row({ key, value, origin }: Shown): string[] {
  return [key, shown(value), SECTIONS[origin] ?? origin];
}

function shown(value: unknown): string {
  if (value === null || value === '') return '-';
  // What a terminal would obey is written as JSON writes it.
  return typeof value === 'string' && !/\p{Cc}/u.test(value) ? value : (JSON.stringify(value) ?? '-');
}
