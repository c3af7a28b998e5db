import { type AgentId, EXIT, type FleetStatus, ok, type Result } from 'animus-protocol';
import { chooseAgents } from '../agents.ts';
import { type AskFailure, ask, describeFailure } from '../client.ts';
import { type Command, defineCommand } from '../command.ts';
import { complainOf } from '../supervisor.ts';
import { topLines } from '../top/draw.ts';
import { SORT_KEYS, sortAgents, type View } from '../top/view-policy.ts';

const DEFAULT_SECONDS = 2;
const PATIENCE_MS = 5_000;

export const top: Command = defineCommand({
  name: 'top',
  summary: 'The fleet, live: CPU, memory, queue, turns, restarts and last death of each agent, sorted',
  arguments: { ids: { count: 'many', description: 'Agents, by id or its beginning; all without any' } },
  options: {
    sort: { kind: 'text', short: 's', placeholder: 'key', description: 'What comes first; cpu unless given', choices: SORT_KEYS },
    every: { kind: 'number', placeholder: 'seconds', description: `How often it is drawn anew, ${DEFAULT_SECONDS} unless given` },
    once: { kind: 'flag', description: 'Print it once; so it is where stdout is no terminal' },
  },
  examples: [
    { line: 'animus top', effect: 'keys: c m u t r d n p sort, the same again turns it round, q quits' },
    { line: 'animus top --once --sort memory', effect: 'one print, the largest first' },
    { line: 'animus top --json', effect: 'the same for a program; what processes use is read at this moment' },
  ],
  run: async ({ ids, sort, every, once, json }, context) => {
    const { home, screen, now } = context;
    const chosen = chooseAgents(home.home, ids, true);
    if (!chosen.ok || every === 0) {
      screen.complain(chosen.ok ? '--every takes 1 or more seconds' : chosen.error);
      return chosen.ok ? EXIT.usage : EXIT.failed;
    }
    const only = ids.length === 0 || ids.includes('all') ? null : chosen.value;
    const askFleet = async (): Promise<Result<FleetStatus, AskFailure>> => await askFresh(home.socket, only);
    const view: View = { sort: SORT_KEYS.find((key) => key === sort) ?? 'cpu', isReversed: false, from: 0 };
    const isLive = !once && !json && screen.isTerminal && context.input().isTTY;
    const terminal = isLive ? screen.fullScreen() : null;
    if (terminal !== null) {
      const { showLive } = await import('../top/live.ts');
      const say = async (): Promise<FleetStatus | string> => {
        const reply = await askFleet();
        return reply.ok ? reply.value : describeFailure(reply.error);
      };
      await showLive({ terminal, view, everyMs: (every ?? DEFAULT_SECONDS) * 1_000, ask: say }, context);
      return EXIT.done;
    }
    const reply = await askFleet();
    if (!reply.ok) return complainOf(screen, reply.error);
    if (json) screen.printJson({ supervisor: reply.value.supervisor, agents: sortAgents(reply.value.agents, view) });
    else for (const line of topLines(reply.value, view, now(), screen)) screen.print(line);
    return EXIT.done;
  },
});

async function askFresh(socket: string, only: readonly AgentId[] | null): Promise<Result<FleetStatus, AskFailure>> {
  const reply = await ask(socket, { kind: 'status', isFresh: true }, { timeoutMs: PATIENCE_MS });
  if (!reply.ok || only === null) return reply;
  return ok({ ...reply.value, agents: reply.value.agents.filter(({ id }) => only.includes(id)) });
}
