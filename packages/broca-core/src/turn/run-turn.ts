/**
 * Runs one live turn: people and blocks ready → attempt stored → asked → its end recorded. An attempt
 * whose fate is unknown is found out here, and the agent does nothing else meanwhile: another user's
 * turn would run with this one's block attached.
 */

import type { BrocaConfig } from 'animus-protocol';
import { unreachable } from 'animus-protocol';
import type { Alarm } from '../lifecycle/alarm.ts';
import type { Ending } from '../lifecycle/ending.ts';
import type { UserBlocks } from '../people/user-blocks.ts';
import type { InHand } from '../queue/in-hand.ts';
import type { AttemptEnd, Queue } from '../queue/sqlite-queue.ts';
import type { Turn } from '../queue/turn.ts';
import { decide, NOTICE, type TurnDecision } from './decide-policy.ts';
import type { Attempt, AttemptNews, AttemptOutcome, Letta, LettaReply } from './letta.ts';
import type { LettaStanding } from './letta-standing.ts';
import type { Prompt } from './turn-files.ts';

export type RunTurnDependencies = {
  queue: Queue;
  letta: Letta;
  inHand: InHand;
  blocks: UserBlocks;
  standing: LettaStanding;
  config(): BrocaConfig;
  clock(): number;
  random(): number;
  /** Wakes a wait between two looks at an attempt of unknown fate. */
  alarm: Alarm;
  newestMessageId(): string | null;
};

/** How often progress is written down at most: it is for people, and each is a commit. */
const PROGRESS_INTERVAL_MS = 10_000;
/** After the turn's own time is over: how long a cancelled run may take to say what became of it. */
const CANCEL_GRACE_MS = 30_000;
const SHORTEST_LOOK_MS = 1_000;
const LONGEST_LOOK_MS = 60_000;

/** Asks the agent for a waiting turn; `write` makes what it reads. Returns false when the turn stays running because Broca stops. */
export async function askTurn(
  turn: Turn,
  write: (signal: AbortSignal) => Promise<Prompt>,
  deps: RunTurnDependencies,
  ending: Ending,
): Promise<boolean> {
  const { queue, letta, blocks } = deps;
  const { stop } = ending;
  const block = await blocks.ready(turn, stop);
  if (block.kind !== 'ok') return apply(turn, null, notAsked(block), deps);
  const seen: LettaReply<string | null> =
    deps.newestMessageId() === null ? await letta.newestMessageId(stop) : { kind: 'ok', value: deps.newestMessageId() };
  if (seen.kind !== 'ok') return apply(turn, null, notAsked(seen), deps);
  const { text, images } = await write(stop);
  if (stop.aborted) return false;

  const { endpoint, agentId } = deps.config();
  const attempt = queue.begin({ turn, endpoint, agentId, text, images, seenMessageId: seen.value, blockId: block.value });
  if (attempt === null) return true;
  if (block.value !== null && turn.person !== null) {
    const attached = await blocks.attach(turn.person, block.value, stop);
    if (attached.kind !== 'ok') return apply(turn, attempt, notAsked(attached), deps);
  }
  return await followAttempt(turn, attempt, 'ask', deps, ending);
}

/** Finds out what became of an attempt that an earlier process, or an unanswered request, left behind. */
export async function recoverTurn(turn: Turn, attempt: Attempt, deps: RunTurnDependencies, ending: Ending): Promise<boolean> {
  return await followAttempt(turn, attempt, 'settle', deps, ending);
}

async function followAttempt(
  turn: Turn,
  attempt: Attempt,
  first: 'ask' | 'settle',
  deps: RunTurnDependencies,
  { drain, stop }: Ending,
): Promise<boolean> {
  const timeout = AbortSignal.timeout(deps.config().turnTimeoutMs);
  const signal = AbortSignal.any([stop, timeout]);
  const tell = recorder(attempt, deps);
  let next = first;
  let lookMs = SHORTEST_LOOK_MS;
  const startedAt = deps.clock();
  for (;;) {
    const step = next === 'ask' ? await ask(attempt, deps, tell, signal) : await settle(attempt, deps, tell, signal);
    if (stop.aborted && step.kind !== 'over') return false;
    switch (step.kind) {
      case 'over':
        return apply(turn, attempt, step.outcome, deps);
      case 'resend':
        next = 'ask';
        break;
      case 'look-again':
        next = 'settle';
        if (drain.aborted) return false;
        if (timeout.aborted) return await endOverdue(turn, attempt, deps, stop);
        if (deps.clock() - startedAt >= deps.config().giveUpAfterMs) return setAside(turn, attempt, step.reason, NOTICE.unclear, deps);
        // Not in hand meanwhile: a crash now is no fault of this turn.
        deps.inHand.letGo();
        await deps.alarm.sleep(lookMs, AbortSignal.any([drain, timeout]));
        deps.inHand.take([turn.id]);
        lookMs = Math.min(lookMs * 2, LONGEST_LOOK_MS);
        break;
      case 'undecidable':
        return setAside(turn, attempt, step.reason, NOTICE.unclear, deps);
      default:
        return unreachable(step);
    }
  }
}

type Step =
  | { kind: 'over'; outcome: Exclude<AttemptOutcome, { kind: 'unknown' }> }
  | { kind: 'resend' }
  | { kind: 'look-again'; reason: string }
  | { kind: 'undecidable'; reason: string };

type Tell = (news: AttemptNews) => void;

async function ask(attempt: Attempt, deps: RunTurnDependencies, tell: Tell, signal: AbortSignal): Promise<Step> {
  const outcome = await deps.letta.ask(attempt, tell, signal);
  if (outcome.kind === 'unknown') return { kind: 'look-again', reason: outcome.reason };
  return { kind: 'over', outcome };
}

async function settle(attempt: Attempt, deps: RunTurnDependencies, tell: Tell, signal: AbortSignal): Promise<Step> {
  const found = await deps.letta.settle(attempt, tell, signal);
  switch (found.kind) {
    case 'over':
      return found;
    case 'later':
      if (found.held) deps.standing.held(found.reason, deps.clock());
      return { kind: 'look-again', reason: found.reason };
    case 'resend':
    case 'undecidable':
      return found;
    default:
      return unreachable(found);
  }
}

/** The turn's time is over: end its run and take what it said by then, but never ask again. */
async function endOverdue(turn: Turn, attempt: Attempt, deps: RunTurnDependencies, stop: AbortSignal): Promise<boolean> {
  const grace = AbortSignal.any([stop, AbortSignal.timeout(CANCEL_GRACE_MS)]);
  await deps.letta.cancel(attempt.runId, grace);
  const found = await deps.letta.settle(attempt, recorder(attempt, deps), grace);
  if (stop.aborted && found.kind !== 'over') return false;
  if (found.kind === 'over' && (found.outcome.kind === 'answered' || found.outcome.kind === 'silent')) {
    return apply(turn, attempt, found.outcome, deps);
  }
  const minutes = Math.round(deps.config().turnTimeoutMs / 60_000);
  return setAside(turn, attempt, `no answer within ${minutes} min; its run was asked to end`, NOTICE.tooLong, deps);
}

function apply(turn: Turn, attempt: Attempt | null, outcome: AttemptOutcome, deps: RunTurnDependencies): true {
  const { queue, standing } = deps;
  const now = deps.clock();
  standing.heard(outcome, now);
  const hadImages = attempt !== null && attempt.images.length > 0;
  const decision: TurnDecision = decide({ ...turn, hadImages }, outcome, deps.config(), now, deps.random());
  const end: AttemptEnd | null =
    attempt === null ? null : { number: attempt.number, outcome: outcome.kind, reason: 'reason' in outcome ? outcome.reason : null };
  switch (decision.kind) {
    case 'settle':
      queue.settle({ turn, ...decision, attempt: end });
      return true;
    case 'wait':
      queue.putBack({ turn, ...decision, attempt: end });
      return true;
    case 'hold':
      queue.putBack({
        turn,
        dueAt: turn.createdAt,
        failures: turn.failures,
        unavailableSince: null,
        reason: decision.reason,
        attempt: end,
      });
      return true;
    case 'without-images': {
      const reason = `asked again without its images: ${decision.reason}`;
      const { failures, createdAt: dueAt } = turn;
      queue.putBack({ turn, dueAt, failures, unavailableSince: null, reason, attempt: end, withoutImages: true });
      return true;
    }
    case 'park':
      queue.park(turn, decision.reason, decision.texts, end);
      return true;
    case 'find-out':
      throw new Error('an unknown outcome was applied before it was found out');
    default:
      return unreachable(decision);
  }
}

function setAside(turn: Turn, attempt: Attempt, reason: string, notice: string, deps: RunTurnDependencies): true {
  deps.queue.park(turn, reason, [notice], { number: attempt.number, outcome: 'unknown', reason });
  return true;
}

/** Nothing left us: whatever kept us from asking, the turn goes back as it was. */
function notAsked(reply: Exclude<LettaReply<unknown>, { kind: 'ok' }>): AttemptOutcome {
  if (reply.kind === 'held') return reply;
  return { kind: 'unavailable', reason: reply.reason, afterMs: null, isOfThisTurn: reply.kind === 'rejected' };
}

function recorder(attempt: Attempt, deps: RunTurnDependencies): Tell {
  let recordedAt = deps.clock();
  return (news) => {
    if (news.kind === 'run') {
      if (attempt.runId === news.runId) return;
      attempt.runId = news.runId;
      deps.queue.recordRun(attempt, news.runId);
    } else if (deps.clock() - recordedAt >= PROGRESS_INTERVAL_MS) {
      recordedAt = deps.clock();
      deps.queue.recordProgress(attempt);
    }
  };
}
