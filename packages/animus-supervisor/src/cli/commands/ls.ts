import { type AgentId, EXIT, parseEnvironment, parseSettings } from 'animus-protocol';
import { agentPaths } from '../../home/paths.ts';
import { currentRelease } from '../../home/release-file.ts';
import { scanAgents } from '../../home/scan.ts';
import { deployedRelease, runsOlder } from '../agent-words.ts';
import { missingHome } from '../agents.ts';
import { type Command, defineCommand } from '../command.ts';
import { askProcess, type ProcessFacts } from '../health/facts.ts';
import { seeProcess } from '../health/judge-policy.ts';
import { readText } from '../read-text.ts';
import { table } from '../render.ts';
import { askStatus } from '../supervisor.ts';

export const ls: Command = defineCommand({
  name: 'ls',
  summary: 'The agents of the home: name, endpoint, version, phase; with or without a supervisor',
  arguments: {},
  options: {},
  examples: [{ line: 'animus ls', effect: 'a line for each agent' }],
  run: async ({ json }, { home, screen, now }) => {
    const missing = missingHome(home.home);
    if (missing !== null) {
      screen.complain(missing);
      return EXIT.failed;
    }
    const reply = await askStatus(home.socket);
    const statuses = reply.ok ? new Map(reply.value.agents.map((status) => [status.id, status])) : null;
    const sources = { home: home.home, statuses, now: now(), isWanted: () => true };
    const agents = await Promise.all(
      scanAgents(home.home).map(async (id) => {
        const facts = await askProcess(id, sources);
        const { process } = seeProcess(facts, now());
        return describe(id, home.home, process.phase, runningRelease(facts));
      }),
    );
    if (json) screen.printJson({ agents });
    else if (agents.length === 0) screen.print('no agent is deployed yet; deploy one with: animus deploy <id> <endpoint>');
    else
      screen.print(
        table(
          HEAD,
          agents.map((each) => [
            each.id,
            each.name ?? '-',
            each.endpoint ?? '-',
            each.version ?? '-',
            each.isOlder ? `${each.phase}, on an older release` : each.phase,
          ]),
        ),
      );
    return EXIT.done;
  },
});

const HEAD = ['AGENT', 'NAME', 'ENDPOINT', 'VERSION', 'PHASE'];

type Listed = {
  id: AgentId;
  name: string | null;
  endpoint: string | null;
  version: string | null;
  commit: string | null;
  phase: string;
  /** The release its process runs, and whether another one is deployed since. */
  runningRelease: string | null;
  isOlder: boolean;
};

function runningRelease(facts: ProcessFacts): string | null {
  if (facts.from === 'supervisor') return facts.status.release;
  return facts.answer.kind === 'ready' || facts.answer.kind === 'starting' ? facts.answer.hello.release : null;
}

function describe(id: AgentId, home: string, phase: string, running: string | null): Listed {
  const agent = agentPaths(home, id);
  // Each file by itself: a fault in one, which health tells, hides nothing that another says.
  const { environment } = parseEnvironment(readText(agent.environment) ?? '');
  const { settings } = parseSettings(readText(agent.settings) ?? '{}');
  const release = currentRelease(home, agent);
  return {
    id,
    name: settings.agent?.name?.trim() || null,
    endpoint: environment.AGENT_ENDPOINT ?? null,
    version: release.ok ? release.value.release.version : null,
    commit: release.ok ? release.value.release.commit : null,
    phase,
    runningRelease: running,
    isOlder: runsOlder(running, deployedRelease(home, id)),
  };
}
