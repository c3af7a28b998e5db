/**
 * Follows one attempt until its fate is known: asked → (unknown → looked at, again and again) → over, or set
 * aside for a person. Meanwhile the agent does nothing else: another user's turn would run with this one's
 * block attached.
 */

import { type BrocaConfig, unreachable } from 'animus-protocol';
import type { Alarm } from '../lifecycle/alarm.ts';
import type { Ending } from '../lifecycle/ending.ts';
import type { InHand } from '../queue/in-hand.ts';
import type { Queue } from '../queue/sqlite-queue.ts';
import { NOTICE } from './decide-policy.ts';
import type { Attempt, AttemptNews, AttemptOutcome, LaterCause, Letta } from './letta.ts';
import type { LettaStanding } from './letta-standing.ts';

export type FollowDependencies = {
  letta: Letta;
  queue: Pick<Queue, 'recordRun' | 'recordProgress' | 'inDoubtSince' | 'recordDoubt'>;
  standing: LettaStanding;
  inHand: InHand;
  config(): Pick<BrocaConfig, 'turnTimeoutMs' | 'giveUpAfterMs'>;
  clock(): number;
  /** Wakes a wait between two looks at an attempt of unknown fate. */
  alarm: Alarm;
};

type KnownOutcome = Exclude<AttemptOutcome, { kind: 'unknown' }>;

export type AttemptFate =
  | { kind: 'over'; outcome: KnownOutcome }
  /** Not to be asked again by itself; `outcome` is what is known of the attempt. */
  | { kind: 'set-aside'; reason: string; notice: string; outcome: 'unknown' | 'failed' }
  /** Broca stops: the next one finds out. */
  | { kind: 'left' };

/** How often progress is written down at most: it is for people, and each is a commit. */
const PROGRESS_INTERVAL_MS = 10_000;
/** After the turn's own time is over: how long a cancelled run may take to say what became of it. */
const CANCEL_GRACE_MS = 30_000;
const SHORTEST_LOOK_MS = 1_000;
const LONGEST_LOOK_MS = 30_000;

export async function followAttempt(
  attempt: Attempt,
  first: 'ask' | 'settle',
  deps: FollowDependencies,
  { drain, stop }: Ending,
): Promise<AttemptFate> {
  const tell = recorder(attempt, deps);
  let overdue = AbortSignal.timeout(deps.config().turnTimeoutMs);
  let next: 'ask' | 'ask-again' | 'settle' = first;
  let lookMs = SHORTEST_LOOK_MS;
  for (;;) {
    const step: Step = overdue.aborted
      ? await endOverdue(attempt, deps, tell, stop)
      : await take(next, attempt, deps, tell, AbortSignal.any([stop, overdue]));
    if (stop.aborted && step.kind !== 'over') return { kind: 'left' };
    switch (step.kind) {
      case 'over':
      case 'set-aside':
        return step;
      case 'resend':
        next = 'ask-again';
        lookMs = SHORTEST_LOOK_MS;
        overdue = AbortSignal.timeout(deps.config().turnTimeoutMs);
        break;
      case 'look-again': {
        next = 'settle';
        if (drain.aborted) return { kind: 'left' };
        const now = deps.clock();
        if (now - doubtedSince(attempt, step.cause, now, deps.queue) >= deps.config().giveUpAfterMs)
          return setAside(step.reason, NOTICE.unclear);
        // Not in hand meanwhile: a crash now is no fault of this turn.
        deps.inHand.letGo();
        await deps.alarm.sleep(lookMs, overdue.aborted ? drain : AbortSignal.any([drain, overdue]));
        deps.inHand.take([attempt.turnId]);
        lookMs = Math.min(lookMs * 2, LONGEST_LOOK_MS);
        break;
      }
      default:
        return unreachable(step);
    }
  }
}

/** Since when nothing could be found out, though nobody held the agent; restarts do not begin it anew. */
function doubtedSince(attempt: Attempt, cause: LaterCause | null, now: number, queue: FollowDependencies['queue']): number {
  const known = queue.inDoubtSince(attempt);
  if (cause === 'held') {
    if (known !== null) queue.recordDoubt(attempt, null);
    return now;
  }
  // A clock that was set back since must not make it longer.
  if (known !== null && known <= now) return known;
  queue.recordDoubt(attempt, now);
  return now;
}

type Step =
  | { kind: 'over'; outcome: KnownOutcome }
  | { kind: 'set-aside'; reason: string; notice: string; outcome: 'unknown' | 'failed' }
  | { kind: 'resend' }
  /** `cause`: null where an answer was lost, which tells nothing of Letta. */
  | { kind: 'look-again'; reason: string; cause: LaterCause | null };

type Tell = (news: AttemptNews) => void;

async function take(
  next: 'ask' | 'ask-again' | 'settle',
  attempt: Attempt,
  deps: FollowDependencies,
  tell: Tell,
  signal: AbortSignal,
): Promise<Step> {
  switch (next) {
    case 'ask': {
      const outcome = await deps.letta.ask(attempt, tell, signal);
      return outcome.kind === 'unknown' ? lookAgain(outcome.reason, null, deps) : { kind: 'over', outcome };
    }
    case 'ask-again':
      return await askAgain(attempt, deps, tell, signal);
    case 'settle':
      return await settle(attempt, deps, tell, signal);
    default:
      return unreachable(next);
  }
}

/** Whether the first sending was taken is still not known: only an end of its own ends the attempt. */
async function askAgain(attempt: Attempt, deps: FollowDependencies, tell: Tell, signal: AbortSignal): Promise<Step> {
  const outcome = await deps.letta.askAgain(attempt, tell, signal);
  switch (outcome.kind) {
    case 'unknown':
      return lookAgain(outcome.reason, null, deps);
    case 'unavailable':
      return lookAgain(outcome.reason, 'unreachable', deps);
    case 'held':
      return lookAgain(outcome.reason, 'held', deps);
    default:
      return { kind: 'over', outcome };
  }
}

async function settle(attempt: Attempt, deps: FollowDependencies, tell: Tell, signal: AbortSignal): Promise<Step> {
  const found = await deps.letta.settle(attempt, tell, signal);
  switch (found.kind) {
    case 'over':
    case 'resend':
      return found;
    case 'later':
      return lookAgain(found.reason, found.cause, deps);
    case 'undecidable':
      return setAside(found.reason, NOTICE.unclear);
    default:
      return unreachable(found);
  }
}

/**
 * The turn's time is over: its run is asked to end, and what it said by then is taken; it is not asked anew. A run
 * that goes on all the same holds the agent until it is over. Where no run is known, none of those that go may be ours.
 */
async function endOverdue(attempt: Attempt, deps: FollowDependencies, tell: Tell, stop: AbortSignal): Promise<Step> {
  const grace = AbortSignal.any([stop, AbortSignal.timeout(CANCEL_GRACE_MS)]);
  await deps.letta.cancel(attempt.runId, grace);
  const step = await settle(attempt, deps, tell, grace);
  const minutes = Math.round(deps.config().turnTimeoutMs / 60_000);
  const reason = `no answer within ${minutes} min; its run was asked to end`;
  if (step.kind === 'over' && step.outcome.kind === 'failed' && step.outcome.isCancelled === true) {
    return { kind: 'set-aside', reason, notice: NOTICE.tooLong, outcome: 'failed' };
  }
  if (step.kind === 'look-again' && step.cause === 'going' && attempt.runId === null) return setAside(reason, NOTICE.tooLong);
  return step;
}

/** Health must not wait for the next turn to hear what a look told of Letta. */
function lookAgain(reason: string, cause: LaterCause | null, { standing, clock }: FollowDependencies): Step {
  switch (cause) {
    case 'held':
      standing.held(reason, clock());
      break;
    case 'unreachable':
      standing.probed({ kind: 'unreachable', reason }, clock());
      break;
    case 'going':
      standing.answered(clock());
      break;
    case null:
      break;
  }
  return { kind: 'look-again', reason, cause };
}

function setAside(reason: string, notice: string): Step & { kind: 'set-aside' } {
  return { kind: 'set-aside', reason, notice, outcome: 'unknown' };
}

function recorder(attempt: Attempt, deps: FollowDependencies): Tell {
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
