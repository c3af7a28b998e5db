/** What update, rollback and upgrade share: one of them at a time for an agent, and the switch itself, with or without a supervisor. */
import { setTimeout as delay } from 'node:timers/promises';
import { type AgentId, failed, ok, type Result, type Wanted } from 'animus-protocol';
import { isHomeLocked, takeHomeLock } from '../fleet/lock.ts';
import { withOneAgent } from '../fleet/one-agent.ts';
import { makePrivateFolder } from '../home/modes.ts';
import { type AgentPaths, agentPaths } from '../home/paths.ts';
import { isUnfinished, readOrder } from '../release/journal.ts';
import { currentName } from '../release/links.ts';
import { clearUpdate } from '../release/prepare.ts';
import { readRecord, recordFiles } from '../worker/record.ts';
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
  const ordered = readOrder(agentPaths(home.home, id));
  screen.complain(screen.paint('dim', 'switching …'));
  const reply = await ask(home.socket, { kind: 'switch', agent: id }, { timeoutMs: null });
  if (reply.ok) return ok({ message: reply.value.message });
  const { error } = reply;
  if (error.kind === 'no-supervisor') return await withoutSupervisor(id, context, async (fleet) => await fleet.switchRelease(id));
  if (error.kind === 'no-answer' && ordered !== null) return await settleAlone(id, ordered.to, context);
  if (error.kind === 'refused' && error.status === 404 && error.message.startsWith('there is no /v1'))
    return failed('the supervisor that runs is an older one and cannot switch releases: animus down, then animus up -d, then try again');
  const said = describeFailure(error);
  return failed(said.startsWith(`${id} `) ? said.slice(id.length + 1) : said);
}

/** The supervisor died in the middle: a Broca on probation must not stay shut until a person starts another one. */
async function settleAlone(id: AgentId, to: string, context: CliContext): Promise<Result<Switched, string>> {
  const agent = agentPaths(context.home.home, id);
  // It may have died while it had the Broca stopped for the switch.
  const wanted = readRecord(recordFiles(context.home.runAgents, id))?.wanted ?? 'running';
  const settled = await settleFormer(id, agent, context, wanted);
  const ended = 'the supervisor ended in the middle of the switch';
  if (!settled.ok)
    return failed(
      `${ended}, and until that is settled nothing new is taken in. Settle it with: animus up -d, then look: animus health ${id}`,
    );
  const now = currentName(agent);
  return now === to
    ? ok({ message: `runs ${to} now; ${ended}, after it was decided. Start it with: animus up -d` })
    : failed(`is not updated, ${now} is in use again: ${ended}. Start it with: animus up -d, then update again`);
}

async function settleFormer(
  id: AgentId,
  agent: AgentPaths,
  context: CliContext,
  wanted: Wanted | null = null,
): Promise<Result<null, string>> {
  // The command that asked for it may have been killed; the supervisor goes on.
  for (const since = performance.now(); isHomeLocked(agent.switchLock); await delay(LOOK_MS)) {
    if (performance.now() - since > OTHERS_MS)
      return failed('its release is being switched, and that does not end: look at logs/supervisor.log');
  }
  if (!isUnfinished(agent)) return ok(null);
  const status = await askStatus(context.home.socket);
  if (status.ok)
    return failed(`an interrupted update cannot be settled: animus status says why; when that is mended, animus start ${id} settles it`);
  const settle = async (): Promise<{ ok: boolean; message: string }> => ({
    ok: !isUnfinished(agent),
    message: 'an interrupted update cannot be settled',
  });
  const settled = await withoutSupervisor(id, context, settle, wanted);
  return settled.ok ? ok(null) : settled;
}

type Fleet = Parameters<Parameters<typeof withOneAgent>[1]>[0];

/** `asked`: what is wanted of it, where that is not what it does now. */
async function withoutSupervisor(
  id: AgentId,
  { home, version, environment, installation }: CliContext,
  use: (fleet: Fleet) => Promise<{ ok: boolean; message: string }>,
  asked: Wanted | null = null,
): Promise<Result<Switched, string>> {
  const found = installation();
  if (!found.ok) return found;
  const answer = await askBroca(agentPaths(home.home, id).socket);
  const wanted = asked ?? (answer.kind === 'not-running' ? 'stopped' : 'running');
  const one = { home: home.home, root: found.value.root, version, environment, agent: id, wanted } as const;
  const done = await withOneAgent(one, use);
  if (!done.ok) return done;
  return done.value.ok ? ok({ message: done.value.message }) : failed(done.value.message);
}
