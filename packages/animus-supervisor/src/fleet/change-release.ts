/**
 * Switches one agent to the release that was prepared for it (release/prepare.ts), alone and under probation: the new
 * Broca starts shut, is looked at, and opens only once it is decided for; otherwise release and database are as they
 * were, and the old one runs on. What a dead supervisor left half done is settled here too, before anything starts.
 */
import { type AgentId, type AgentOutcome, type BeatReport, failed, ok, type Result } from 'animus-protocol';
import type { AgentPaths } from '../home/paths.ts';
import type { Publish } from '../observe/event.ts';
import {
  beginSwitch,
  decideFor,
  finishSwitch,
  isUnfinished,
  type Order,
  type Reached,
  settleSwitch,
  undoSwitch,
} from '../release/journal.ts';
import { judgeProbation, type Verdict } from '../release/probation-policy.ts';
import type { Clock } from '../worker/clock.ts';
import type { Worker } from '../worker/perform.ts';
import { takeHomeLock } from './lock.ts';
import { isUnsure, outcomeOf } from './status.ts';

export type ReleaseChange = {
  worker: Worker;
  agent: AgentPaths;
  clock: Clock;
  /** Resolves when its exit was seen, or tells why it cannot be stopped. */
  stop(): Promise<AgentOutcome>;
  start(): Promise<AgentOutcome>;
  /** The supervisor ends: what is begun stays for the next one. */
  isClosing(): boolean;
  publish: Publish;
  /** For tests. */
  reached?: Reached;
};

const LOOK_EVERY_MS = 50;

export async function changeRelease(change: ReleaseChange): Promise<AgentOutcome> {
  const { worker, agent } = change;
  const lock = takeHomeLock(agent.switchLock);
  if (lock === null) return outcomeOf(worker, false, 'is being updated already');
  try {
    return await changeLocked(change);
  } finally {
    lock.release();
  }
}

async function changeLocked(change: ReleaseChange): Promise<AgentOutcome> {
  const { worker, agent, reached } = change;
  const { wanted } = worker.state;
  const before = worker.run?.beat ?? null;
  const stopped = await change.stop();
  const begun = stopped.ok ? await attempt(async () => await beginSwitch(agent, reached)) : failed(stopped.message);
  if (change.isClosing()) return interrupted(worker);
  if (!begun.ok) {
    await goBack(change, wanted);
    return outcomeOf(worker, false, `is not updated, and runs as before: ${begun.error}`);
  }
  const deathsBefore = worker.state.restarts;
  worker.want('running', { isRemembered: false });
  const verdict = await tryOut(change, before, deathsBefore);
  if (verdict === null) return interrupted(worker);
  return verdict.kind === 'well' ? await keep(change, begun.value, wanted) : await giveUp(change, begun.value, wanted, verdict.reason);
}

/** Null when the supervisor ends before it is known. */
async function tryOut(
  { worker, clock, isClosing }: ReleaseChange,
  before: BeatReport | null,
  deathsBefore: number,
): Promise<Exclude<Verdict, { kind: 'wait' }> | null> {
  let readySince: number | null = null;
  let newest: { beat: BeatReport | null; at: number } = { beat: null, at: clock.now() };
  while (!isClosing()) {
    if (isUnsure(worker)) return { kind: 'ill', reason: worker.state.reason ?? 'who runs here cannot be told' };
    const { phase, reason, restarts } = worker.state;
    if (phase === 'ready') readySince ??= clock.now();
    const beat = worker.run?.beat ?? null;
    if (beat !== newest.beat) newest = { beat, at: clock.now() };
    const verdict = judgeProbation(
      {
        phase,
        reason,
        deaths: restarts - deathsBefore,
        lastDeath: worker.lastDeath?.how ?? null,
        isShut: worker.run?.hello?.onProbation === true,
        beat,
        readyMs: readySince === null ? null : clock.now() - readySince,
        beatMs: readySince === null ? null : newest.at - readySince,
      },
      before,
      worker.supervision.probationMs,
    );
    if (verdict.kind !== 'wait') return verdict;
    await new Promise<void>((resolve) => void clock.after(LOOK_EVERY_MS, resolve));
  }
  return null;
}

async function keep(change: ReleaseChange, { from, to }: Order, wanted: 'running' | 'stopped'): Promise<AgentOutcome> {
  const { worker, agent, publish, reached } = change;
  const decided = await attempt(async () => ok(decideFor(agent)));
  if (!decided.ok) return await giveUp(change, { from, to }, wanted, decided.error);
  publish({ kind: 'release-changed', agent: worker.agent, from, to });
  // It is decided and runs; what is left to tidy can be tidied later.
  const finished = await attempt(async () => ok(await finishSwitch(agent, reached)));
  const aside = finished.ok ? finished.value : null;
  if (wanted === 'stopped') await change.stop();
  const kept = aside === null ? '' : `; somebody worked in its clone meanwhile: that one is kept as ${aside}`;
  return outcomeOf(worker, true, `runs ${to} now${kept}`);
}

async function giveUp(
  change: ReleaseChange,
  { from, to }: Pick<Order, 'from' | 'to'>,
  wanted: 'running' | 'stopped',
  reason: string,
): Promise<AgentOutcome> {
  const { worker, agent, publish } = change;
  publish({ kind: 'release-refused', agent: worker.agent, from, to, reason });
  await change.stop();
  if (change.isClosing()) return interrupted(worker);
  const undone = await attempt(async () => await undoSwitch(agent, change.reached));
  if (!undone.ok) return outcomeOf(worker, false, `could not be brought back to ${from}, and is stopped: ${undone.error}`);
  const after = await goBack(change, wanted);
  const now = after === null || after.ok ? `${from} is in use again` : `${from} is in use again, but ${after.message}`;
  // Not its words themselves: a crash may print a secret, and a refusal goes to whoever asked.
  const where = `what it said: animus logs ${worker.agent}, or with --output what it printed`;
  return outcomeOf(worker, false, `is not updated, ${now}: the new release was tried and ${reason}; ${where}`);
}

async function goBack({ worker, start }: ReleaseChange, wanted: 'running' | 'stopped'): Promise<AgentOutcome | null> {
  if (wanted === 'stopped') return null;
  worker.want('running', { isRemembered: false });
  return await start();
}

function interrupted(worker: Worker): AgentOutcome {
  return outcomeOf(worker, false, 'is not updated: the supervisor is ending; its next start goes back to the release in use before');
}

/** Of a switch that a dead supervisor began: nothing of the agent runs before this has succeeded. Gives why it cannot be settled. */
export async function settleInterrupted({ worker, agent, stop, publish }: ReleaseChange): Promise<string | null> {
  if (!isUnfinished(agent)) return null;
  const stopped = await stop();
  const settled = stopped.ok ? await attempt(async () => await settleSwitch(agent)) : failed(stopped.message);
  const fault = settled.ok ? null : settled.error;
  publish({ kind: 'release-settled', agent: worker.agent, fault });
  return fault;
}

/** The reason that everybody is shown. */
export function describeUnsettled(agent: AgentId, fault: string): string {
  return `an interrupted update cannot be settled, and until then nothing of it runs: ${fault}. To try again: animus start ${agent}`;
}

/** What the system refuses (a full disk, say) is a reason, too. */
async function attempt<T>(work: () => Promise<Result<T, string>>): Promise<Result<T, string>> {
  try {
    return await work();
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
}
