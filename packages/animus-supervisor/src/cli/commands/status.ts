import { EXIT } from 'animus-protocol';
import type { HomePaths } from '../../home/paths.ts';
import { deployedRelease, orDash, phaseColour, queueOf, reasonOf, type Shown } from '../agent-words.ts';
import { chooseAgents } from '../agents.ts';
import { withByHand } from '../by-hand.ts';
import { type Command, defineCommand } from '../command.ts';
import { duration, megabytes, type Screen, table } from '../render.ts';
import { describeVersions } from '../replace-supervisor.ts';
import { askStatus, complainOf } from '../supervisor.ts';

export const status: Command = defineCommand({
  name: 'status',
  summary: 'What the supervisor knows of each agent: phase, pid, uptime, restarts, load, queue; all of it when one is named',
  arguments: { ids: { count: 'many', description: 'Agents, by id or its beginning; all without any' } },
  options: {},
  examples: [
    { line: 'animus status', effect: 'a line for each agent' },
    { line: 'animus status 7216', effect: 'all that is known of one: its deaths, its release, its isolation, its channels' },
    { line: 'animus status --json', effect: 'for a program' },
  ],
  run: async ({ ids, json }, { home, screen, now }) => {
    const reply = await askStatus(home.socket);
    if (!reply.ok) return complainOf(screen, reply.error);
    const chosen = chooseAgents(home.home, ids, true);
    if (!chosen.ok) {
      screen.complain(chosen.error);
      return EXIT.failed;
    }
    const { supervisor } = reply.value;
    const asked = reply.value.agents.filter(({ id }) => ids.length === 0 || chosen.value.includes(id));
    const agents: Shown[] = await Promise.all(
      asked.map(async (agent) => ({
        ...(await withByHand(agent, home.home, now())),
        deployedRelease: deployedRelease(home.home, agent.id),
      })),
    );
    if (json) {
      screen.printJson({ supervisor, agents });
      return EXIT.done;
    }
    const [only] = agents;
    if (ids.length === 1 && agents.length === 1 && only !== undefined) {
      const { detailLines } = await import('../status-details.ts');
      for (const line of detailLines(only, await readTimezone(home), screen)) screen.print(line);
      return EXIT.done;
    }
    screen.print(`supervisor ${supervisor.version}, pid ${supervisor.pid}, up ${duration(now() - supervisor.startedAt)}`);
    if (agents.length === 0) screen.print('no agent is deployed yet; deploy one with: animus deploy <id> <endpoint>');
    else
      screen.print(
        table(
          HEAD,
          agents.map((agent) => row(agent, screen)),
        ),
      );
    for (const line of [
      ...supervisor.problems,
      ...(supervisor.backup?.failure == null ? [] : [supervisor.backup.failure]),
      ...describeVersions({ supervisor, agents }),
    ])
      screen.complain(line);
    return EXIT.done;
  },
});

/** Not loaded for the table, which shows no times. */
async function readTimezone(home: HomePaths): Promise<string | null> {
  const { readFleetConfig } = await import('../fleet-config.ts');
  const config = readFleetConfig(home);
  return config.ok ? config.value.timezone : null;
}

const HEAD = ['AGENT', 'PHASE', 'PID', 'UPTIME', 'RESTARTS', 'CPU', 'MEMORY', 'QUEUE', 'REASON'];

function row(agent: Shown, screen: Screen): string[] {
  return [
    agent.id,
    screen.paint(phaseColour(agent), agent.phase),
    orDash(agent.pid, String),
    orDash(agent.uptimeMs, duration),
    String(agent.restarts),
    orDash(agent.cpu, (cpu) => `${cpu.toFixed(1)} %`),
    orDash(agent.memoryBytes, megabytes),
    orDash(queueOf(agent), String),
    firstLine(reasonOf(agent)),
  ];
}

/** A row of a table is one line; health tells all of them. */
function firstLine(text: string): string {
  const [first = '', ...rest] = text.split('\n');
  return rest.length === 0 ? first : `${first} (and ${rest.length} more: animus health)`;
}
