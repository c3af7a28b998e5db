/** start, stop and restart: the same asking and telling, with another word. */
import { type AgentId, type AgentOutcome, EXIT, type ExitCode } from 'animus-protocol';
import { chooseAgents } from './agents.ts';
import { type AskFailure, ask, describeFailure } from './client.ts';
import type { CliContext } from './context.ts';
import { indented, mark } from './render.ts';
import { whyFallen } from './settle.ts';
import { askStatus, complainOf } from './supervisor.ts';

type Deed = 'start' | 'stop' | 'restart';

export async function steer(deed: Deed, words: readonly string[], json: boolean, { home, screen }: CliContext): Promise<ExitCode> {
  const status = await askStatus(home.socket);
  if (!status.ok) return complainOf(screen, status.error);
  const agents = chooseAgents(home.home, words, false);
  if (!agents.ok) {
    screen.complain(agents.error);
    return words.length === 0 ? EXIT.usage : EXIT.failed;
  }
  const outcomes = await Promise.all(agents.value.map(async (agent) => await steerOne(deed, agent, home.socket)));
  if (json) screen.printJson({ agents: outcomes });
  else for (const { id, ok, message } of outcomes) screen.print(`${mark(screen, ok)} ${id}: ${indented(message)}`);
  if (outcomes.length === 0 && !json) screen.print('no agent is deployed yet; deploy one with: animus deploy <id> <endpoint>');
  return outcomes.every(({ ok }) => ok) ? EXIT.done : EXIT.failed;
}

type Outcome = Omit<AgentOutcome, 'phase'> & { phase: string };

async function steerOne(kind: Deed, agent: AgentId, socket: string): Promise<Outcome> {
  const reply = await ask(socket, { kind, agent }, { timeoutMs: null });
  if (!reply.ok) return notDone(agent, reply.error);
  const fallen = kind === 'stop' || !reply.value.ok ? null : await whyFallen(agent, socket);
  return fallen === null ? reply.value : { ...reply.value, ok: false, ...fallen };
}

function notDone(id: AgentId, failure: AskFailure): Outcome {
  const message = describeFailure(failure);
  // A refusal is a sentence about the agent, whose id stands before it here anyway.
  const said = message.startsWith(`${id} `) ? message.slice(id.length + 1) : message;
  return { id, ok: false, phase: 'unknown', pid: null, message: said };
}
