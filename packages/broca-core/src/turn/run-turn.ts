/** Runs one live turn: people and blocks ready → attempt stored → followed to its end → what follows recorded. */

import type { BrocaConfig } from 'animus-protocol';
import { unreachable } from 'animus-protocol';
import type { Ending } from '../lifecycle/ending.ts';
import type { UserBlocks } from '../people/user-blocks.ts';
import type { AttemptEnd, Queue } from '../queue/sqlite-queue.ts';
import type { Turn } from '../queue/turn.ts';
import { decide, type TurnDecision } from './decide-policy.ts';
import { type FollowDependencies, followAttempt } from './follow-attempt.ts';
import type { Attempt, AttemptOutcome, LettaReply } from './letta.ts';
import type { Prompt } from './turn-files.ts';

export type RunTurnDependencies = Omit<FollowDependencies, 'queue' | 'config'> & {
  queue: Queue;
  blocks: UserBlocks;
  config(): BrocaConfig;
  random(): number;
  newestMessageId(): string | null;
};

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
  return await follow(turn, attempt, 'ask', deps, ending);
}

/** Finds out what became of an attempt that an earlier process, or an unanswered request, left behind. */
export async function recoverTurn(turn: Turn, attempt: Attempt, deps: RunTurnDependencies, ending: Ending): Promise<boolean> {
  return await follow(turn, attempt, 'settle', deps, ending);
}

async function follow(turn: Turn, attempt: Attempt, first: 'ask' | 'settle', deps: RunTurnDependencies, ending: Ending): Promise<boolean> {
  const fate = await followAttempt(attempt, first, deps, ending);
  switch (fate.kind) {
    case 'over':
      return apply(turn, attempt, fate.outcome, deps);
    case 'set-aside': {
      const { reason, notice, outcome } = fate;
      deps.queue.park(turn, reason, [notice], { number: attempt.number, outcome, reason });
      return true;
    }
    case 'left':
      return false;
    default:
      return unreachable(fate);
  }
}

function apply(turn: Turn, attempt: Attempt | null, outcome: AttemptOutcome, deps: RunTurnDependencies): true {
  record(turn, attempt, outcome, deps);
  // Health is told by this, and must find the turn where it is by then.
  deps.standing.heard(outcome, deps.clock());
  return true;
}

function record(turn: Turn, attempt: Attempt | null, outcome: AttemptOutcome, deps: RunTurnDependencies): void {
  const { queue } = deps;
  const now = deps.clock();
  const hadImages = attempt !== null && attempt.images.length > 0;
  const decision: TurnDecision = decide({ ...turn, hadImages }, outcome, deps.config(), now, deps.random());
  const end: AttemptEnd | null =
    attempt === null ? null : { number: attempt.number, outcome: outcome.kind, reason: 'reason' in outcome ? outcome.reason : null };
  switch (decision.kind) {
    case 'settle':
      queue.settle({ turn, ...decision, attempt: end });
      return;
    case 'wait':
      queue.putBack({ turn, ...decision, attempt: end });
      return;
    case 'hold':
      queue.putBack({
        turn,
        dueAt: turn.createdAt,
        failures: turn.failures,
        unavailableSince: null,
        reason: decision.reason,
        attempt: end,
      });
      return;
    case 'without-images': {
      const reason = `asked again without its images: ${decision.reason}`;
      const { failures, createdAt: dueAt } = turn;
      queue.putBack({ turn, dueAt, failures, unavailableSince: null, reason, attempt: end, withoutImages: true });
      return;
    }
    case 'park':
      queue.park(turn, decision.reason, decision.texts, end);
      return;
    case 'find-out':
      throw new Error('an unknown outcome was applied before it was found out');
    default:
      unreachable(decision);
  }
}

/** Nothing left us: whatever kept us from asking, the turn goes back as it was. */
function notAsked(reply: Exclude<LettaReply<unknown>, { kind: 'ok' }>): AttemptOutcome {
  if (reply.kind === 'held') return reply;
  return { kind: 'unavailable', reason: reply.reason, afterMs: null, isOfThisTurn: reply.kind === 'rejected' };
}
