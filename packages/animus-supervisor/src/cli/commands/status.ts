import { type AgentStatus, EXIT } from 'animus-protocol';
import { chooseAgents } from '../agents.ts';
import { withByHand } from '../by-hand.ts';
import { type Command, defineCommand } from '../command.ts';
import { duration, megabytes, type Screen, table } from '../render.ts';
import { askStatus, complainOf } from '../supervisor.ts';

export const status: Command = defineCommand({
  name: 'status',
  summary: 'What the supervisor knows of each agent: phase, pid, uptime, restarts, load, queue',
  arguments: { ids: { count: 'many', description: 'Agents, by id or its beginning; all without any' } },
  options: {},
  examples: [
    { line: 'animus status', effect: 'a line for each agent' },
    { line: 'animus status 7216 --json', effect: 'all that is known of one' },
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
    const agents = await Promise.all(asked.map(async (agent) => await withByHand(agent, home.home, now())));
    if (json) {
      screen.printJson({ supervisor, agents });
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
    return EXIT.done;
  },
});

const HEAD = ['AGENT', 'PHASE', 'PID', 'UPTIME', 'RESTARTS', 'CPU', 'MEMORY', 'QUEUE', 'REASON'];

function row(agent: AgentStatus, screen: Screen): string[] {
  const orDash = (value: number | null, show: (value: number) => string): string => (value === null ? '-' : show(value));
  return [
    agent.id,
    paintPhase(agent, screen),
    orDash(agent.pid, String),
    orDash(agent.uptimeMs, duration),
    String(agent.restarts),
    orDash(agent.cpu, (cpu) => `${cpu.toFixed(1)} %`),
    orDash(agent.memoryBytes, megabytes),
    agent.beat === null ? '-' : String(agent.beat.queue.waiting + agent.beat.queue.running),
    firstLine(agent.reason ?? (agent.startedByHand ? 'runs by hand' : '')),
  ];
}

/** A row of a table is one line; health tells all of them. */
function firstLine(text: string): string {
  const [first = '', ...rest] = text.split('\n');
  return rest.length === 0 ? first : `${first} (and ${rest.length} more: animus health)`;
}

function paintPhase({ phase, wanted }: AgentStatus, screen: Screen): string {
  if (phase === 'ready') return screen.paint('green', phase);
  if (phase === 'stopped') return screen.paint(wanted === 'stopped' ? 'dim' : 'red', phase);
  return screen.paint(phase === 'broken' || phase === 'unhealthy' ? 'red' : 'yellow', phase);
}
