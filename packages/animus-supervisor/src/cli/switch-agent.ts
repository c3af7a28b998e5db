/** What update, rollback and upgrade share: one of them at a time for an agent, and the switch itself, with or without a supervisor. */
import { setTimeout as delay } from 'node:timers/promises';
import { type AgentId, failed, ok, type Result } from 'animus-protocol';
import { isHomeLocked, takeHomeLock } from '../fleet/lock.ts';
import { withOneAgent } from '../fleet/one-agent.ts';
import { makePrivateFolder } from '../home/modes.ts';
import { type AgentPaths, agentPaths } from '../home/paths.ts';
import { isUnfinished } from '../release/journal.ts';
import { clearUpdate } from '../release/prepare.ts';
import { askBroca } from './ask-broca.ts';
import { ask, describeFailure } from './client.ts';
import type { CliContext } from './context.ts';
import { askStatus } from './supervisor.ts';

export type Switched = {
  /** What the supervisor says of it. */
  message: string;
};

/** A switch that somebody else asked for is decided within this time. */
const OTHERS_MS = 120_000;
const LOOK_MS = 100;

/** Runs `work` as the only one that updates this agent; what an interrupted update left is settled first. */
export async function asOnlyUpdate<T>(
  id: AgentId,
  context: CliContext,
  work: () => Promise<Result<T, string>>,
): Promise<Result<T, string>> {
  const agent = agentPaths(context.home.home, id);
  makePrivateFolder(agent.run);
  const lock = takeHomeLock(agent.updateLock);
  if (lock === null) return failed('another command updates it just now: wait until that is done');
  try {
    const free = await settleFormer(id, agent, context);
    if (!free.ok) return free;
    const done = await work();
    if (!done.ok && !isUnfinished(agent)) clearUpdate(agent);
    return done;
  } finally {
    lock.release();
  }
}

/** Asks for the switch to what was prepared. The error is why the release in use stayed. */
export async function switchAgent(id: AgentId, context: CliContext): Promise<Result<Switched, string>> {
  const { home, screen } = context;
  screen.complain(screen.paint('dim', 'switching …'));
  const reply = await ask(home.socket, { kind: 'switch', agent: id }, { timeoutMs: null });
  if (reply.ok) return ok({ message: reply.value.message });
  const { error } = reply;
  if (error.kind === 'no-supervisor') return await withoutSupervisor(id, context, async (fleet) => await fleet.switchRelease(id));
  if (error.kind === 'refused' && error.status === 404 && error.message.startsWith('there is no /v1'))
    return failed('the supervisor that runs is an older one and cannot switch releases: animus down, then animus up -d, then try again');
  const said = describeFailure(error);
  return failed(said.startsWith(`${id} `) ? said.slice(id.length + 1) : said);
}

async function settleFormer(id: AgentId, agent: AgentPaths, context: CliContext): Promise<Result<null, string>> {
  // The command that asked for it may have been killed; the supervisor goes on.
  for (const since = performance.now(); isHomeLocked(agent.switchLock); await delay(LOOK_MS)) {
    if (performance.now() - since > OTHERS_MS)
      return failed('its release is being switched, and that does not end: look at logs/supervisor.log');
  }
  if (!isUnfinished(agent)) return ok(null);
  const status = await askStatus(context.home.socket);
  if (status.ok)
    return failed(`an interrupted update cannot be settled: animus status says why; when that is mended, animus start ${id} settles it`);
  const settled = await withoutSupervisor(id, context, async () => ({
    ok: !isUnfinished(agent),
    message: 'an interrupted update cannot be settled',
  }));
  return settled.ok ? ok(null) : settled;
}

type Fleet = Parameters<Parameters<typeof withOneAgent>[1]>[0];

async function withoutSupervisor(
  id: AgentId,
  { home, version, environment, installation }: CliContext,
  use: (fleet: Fleet) => Promise<{ ok: boolean; message: string }>,
): Promise<Result<Switched, string>> {
  const found = installation();
  if (!found.ok) return found;
  const answer = await askBroca(agentPaths(home.home, id).socket);
  const wanted = answer.kind === 'not-running' ? 'stopped' : 'running';
  const one = { home: home.home, root: found.value.root, version, environment, agent: id, wanted } as const;
  const done = await withOneAgent(one, use);
  if (!done.ok) return done;
  return done.value.ok ? ok({ message: done.value.message }) : failed(done.value.message);
}
