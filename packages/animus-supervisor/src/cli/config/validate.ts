/** `animus config validate`: every problem of every file at once. */
import {
  type AgentId,
  EXIT,
  type ExitCode,
  formatProblem,
  type Problem,
  parseFleetConfig,
  readBrocaConfig,
  readConfigFile,
} from 'animus-protocol';
import { agentPaths, type HomePaths } from '../../home/paths.ts';
import { scanAgents } from '../../home/scan.ts';
import type { CliContext } from '../context.ts';
import { mark } from '../render.ts';

/** `id` null: the fleet's own file. */
type Verdict = { id: AgentId | null; isUsable: boolean; problems: Problem[] };

export function validateConfig(id: AgentId | null, json: boolean, { screen, home }: CliContext): ExitCode {
  const known = scanAgents(home.home);
  const verdicts = [ofFleet(home, known), ...(id === null ? known : [id]).map((agent) => ofAgent(home, agent))];
  const isUsable = verdicts.every((verdict) => verdict.isUsable);
  if (json) screen.printJson({ ok: isUsable, verdicts });
  else {
    for (const { id: of, isUsable: isWell, problems } of verdicts) {
      screen.print(`${mark(screen, isWell)} ${of ?? 'animus.config.json'}${problems.length === 0 ? '' : ':'}`);
      for (const problem of problems) {
        const sign = problem.severity === 'error' ? screen.paint('red', 'error') : screen.paint('yellow', 'warning');
        screen.print(`    ${sign} ${formatProblem(problem)}`);
      }
    }
  }
  return isUsable ? EXIT.done : EXIT.configuration;
}

function ofFleet({ config: file }: HomePaths, known: readonly AgentId[]): Verdict {
  const { text, problems } = readConfigFile(file, 'shared');
  const { config, problems: parsed } = parseFleetConfig(text);
  const strangers = Object.keys(config.agents).filter((agent) => !known.some((id) => id === agent));
  const absent = strangers.map(
    (agent): Problem => ({
      file: 'animus.config.json',
      key: `agents.${agent}`,
      message: 'has no effect: there is no such agent in this home',
      severity: 'warning',
    }),
  );
  return verdictOf(null, [...problems, ...parsed, ...absent]);
}

/** Faults of the fleet's file are told once, with that. */
function ofAgent({ home }: HomePaths, id: AgentId): Verdict {
  const { problems } = readBrocaConfig(agentPaths(home, id).folder);
  return verdictOf(
    id,
    problems.filter(({ file }) => file !== 'animus.config.json'),
  );
}

function verdictOf(id: AgentId | null, problems: Problem[]): Verdict {
  return { id, isUsable: problems.every(({ severity }) => severity === 'warning'), problems };
}
