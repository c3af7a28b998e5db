/** Can what people wrote be used: the fleet's file, an agent's files, its plugins. */
import fs from 'node:fs';
import path from 'node:path';
import { formatProblem, loadBrocaConfig, type Problem, parseFleetConfig } from 'animus-protocol';
import { homePaths } from '../../home/paths.ts';
import { findPlugins } from '../../home/plugins.ts';
import { readText } from '../read-text.ts';
import { type AgentSubject, type Check, type Finding, fault, type HomeSubject, mayRun, warning } from './check.ts';

export const fleetConfiguration: Check<HomeSubject> = {
  name: 'configuration',
  row: 'start',
  look: ({ home }) => {
    const { config } = homePaths(home);
    return { said: 'animus.config.json can be used', findings: findingsOf(parseFleetConfig(readText(config), config).problems, config) };
  },
};

export const agentConfiguration: Check<AgentSubject> = {
  name: 'configuration',
  row: 'start',
  look: (subject) => {
    const { problems } = load(subject);
    return { said: '.env and settings.json can be used', findings: findingsOf(problems, subject.agent.folder) };
  },
};

/** Channels that are part of every Broca. */
const BUILT_IN = new Set(['console', 'spool']);

export const plugins: Check<AgentSubject> = {
  name: 'plugins',
  row: 'plugins',
  look: (subject) => {
    const { agent, health, id } = subject;
    const sources = findPlugins([path.join(agent.clone, 'plugins'), agent.plugins]);
    if (!sources.ok) return { said: '', findings: [fault(sources.error, `give it such a name, then: animus update ${id}`)] };
    const wished = Object.entries(load(subject).config?.plugins ?? {}).filter(([, { enabled }]) => enabled === true);
    const built = path.join(agent.currentRelease, 'plugins');
    const findings: Finding[] = wished
      .filter(([name]) => !BUILT_IN.has(name) && !fs.existsSync(path.join(built, `${name}.mjs`)))
      .map(([name]) =>
        sources.value[name] === undefined
          ? fault(
              `${name} is enabled, and there is no such plugin in plugins/ or broca/plugins/`,
              `put it into ${agent.plugins}, then: animus update ${id}; or take it out of the settings: animus config edit ${id}`,
            )
          : fault(
              `${name} is enabled and its source is there, but the release in use was built without it`,
              `build a release with it: animus update ${id}`,
            ),
      );
    for (const { name, state, reason } of mayRun(subject) ? health.channels : []) {
      if (state !== 'failed' && state !== 'down') continue;
      findings.push(fault(`channel ${name} is ${state}: ${reason ?? 'it does not say why'}`, `look at: animus logs ${id} --level warn`));
    }
    return { said: `${wished.length === 0 ? 'none' : wished.map(([name]) => name).join(', ')} enabled`, findings };
  },
};

function load({ home, id, agent }: AgentSubject): ReturnType<typeof loadBrocaConfig> {
  const fleet = readText(homePaths(home).config);
  const isFleetUsable = parseFleetConfig(fleet, '').problems.every(({ severity }) => severity === 'warning');
  return loadBrocaConfig({
    agentIdOfFolder: id,
    environment: readText(agent.environment),
    settings: readText(agent.settings),
    // Its faults are the home's, and are told once there.
    fleet: isFleetUsable ? fleet : null,
  });
}

function findingsOf(problems: readonly Problem[], place: string): Finding[] {
  return problems.map((problem) => {
    const told = problem.severity === 'error' ? fault : warning;
    return told(formatProblem(problem), `edit it in ${place}; it is read again at once`);
  });
}
