/** start, stop and restart: the same asking and telling, with another word. */
import { type AgentId, type AgentOutcome, EXIT, type ExitCode } from 'animus-protocol';
import type { HomePaths } from '../home/paths.ts';
import { chooseAgents } from './agents.ts';
import { type AskFailure, ask, describeFailure } from './client.ts';
import type { CliContext } from './context.ts';
import { indented, mark } from './render.ts';
import { sayWaiting } from './say-waiting.ts';
import { whyFallen } from './settle.ts';
import { noteStopped, type StopEnd, stopBroca } from './stop-broca.ts';
import { askStatus, complainOf, isHeldBySilent } from './supervisor.ts';

type Deed = 'start' | 'stop' | 'restart';

export async function steer(deed: Deed, words: readonly string[], json: boolean, { home, screen }: CliContext): Promise<ExitCode> {
  const status = await askStatus(home.socket);
  if (!status.ok && status.error.kind === 'no-supervisor' && deed === 'stop') return await stopWithout(words, json, { home, screen });
  if (!status.ok) return complainOf(screen, status.error);
  const agents = chooseAgents(home.home, words, false);
  if (!agents.ok) {
    screen.complain(agents.error);
    return words.length === 0 ? EXIT.usage : EXIT.failed;
  }
  const steering = Promise.all(agents.value.map(async (agent) => await steerOne(deed, agent, home)));
  const outcomes = deed === 'start' ? await steering : await sayWaiting(steering, 'turns in hand are finished first', screen);
  if (json) screen.printJson({ agents: outcomes });
  else for (const { id, ok, message } of outcomes) screen.print(`${mark(screen, ok)} ${id}: ${indented(message)}`);
  if (outcomes.length === 0 && !json) screen.print('no agent is deployed yet; deploy one with: animus deploy <id> <endpoint>');
  return outcomes.every(({ ok }) => ok) ? EXIT.done : EXIT.failed;
}

type Outcome = Omit<AgentOutcome, 'phase'> & { phase: string };

async function steerOne(kind: Deed, agent: AgentId, home: HomePaths): Promise<Outcome> {
  const { socket } = home;
  const reply = await ask(socket, { kind, agent }, { timeoutMs: null });
  if (!reply.ok) return notDone(agent, reply.error);
  // What the supervisor holds for stopped may run by hand.
  if (kind === 'stop' && reply.value.ok) return outcomeOf(agent, await stopBroca(home, agent));
  const fallen = kind === 'stop' || !reply.value.ok ? null : await whyFallen(agent, socket);
  return fallen === null ? reply.value : { ...reply.value, ok: false, ...fallen };
}

/** No supervisor: the Brocas are asked themselves. A wish that nothing has to be done for is not written down. */
async function stopWithout(
  words: readonly string[],
  json: boolean,
  { home, screen }: Pick<CliContext, 'home' | 'screen'>,
): Promise<ExitCode> {
  const agents = chooseAgents(home.home, words, false);
  const isUnknown = !agents.ok || (await isHeldBySilent(home));
  const ends = isUnknown || !agents.ok ? [] : await Promise.all(agents.value.map(async (id) => ({ id, end: await stopBroca(home, id) })));
  for (const { id, end } of ends) if (end.kind === 'stopped') noteStopped(home, id, 'stopped');
  if (ends.every(({ end }) => end.kind === 'not-running')) return complainOf(screen, { kind: 'no-supervisor' });
  const outcomes = ends.map(({ id, end }) => outcomeOf(id, end));
  if (json) screen.printJson({ agents: outcomes });
  else for (const { id, ok, message } of outcomes) screen.print(`${mark(screen, ok)} ${id}: ${indented(message)}`);
  return outcomes.every(({ ok }) => ok) ? EXIT.done : EXIT.failed;
}

function outcomeOf(id: AgentId, end: StopEnd): Outcome {
  return end.kind === 'failed'
    ? { id, ok: false, phase: 'unhealthy', pid: null, message: end.reason }
    : { id, ok: true, phase: 'stopped', pid: null, message: 'is stopped' };
}

function notDone(id: AgentId, failure: AskFailure): Outcome {
  const message = describeFailure(failure);
  // A refusal is a sentence about the agent, whose id stands before it here anyway.
  const said = message.startsWith(`${id} `) ? message.slice(id.length + 1) : message;
  return { id, ok: false, phase: 'unknown', pid: null, message: said };
}
