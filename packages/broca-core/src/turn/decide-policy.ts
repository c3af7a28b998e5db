/** Decides what becomes of a turn once an attempt's outcome is known. Pure; backoff takes its chance as an argument. */
import { unreachable } from 'animus-protocol';
import type { AttemptOutcome } from './letta.ts';

export type TurnLimits = {
  /** How many times a turn that Letta answered with failure is asked again. */
  maxRetries: number;
  /** How long nothing may be reachable before a turn is parked, in ms. */
  giveUpAfterMs: number;
  /** Wait after a first failure, doubled each further time, up to the longest; in ms. */
  retryFirstMs: number;
  retryLongestMs: number;
};

export type TurnStanding = {
  failures: number;
  unavailableSince: number | null;
  /** The attempt showed images to the agent. */
  hadImages?: boolean;
};

export type TurnDecision =
  | { kind: 'settle'; as: 'answered' | 'silent' | 'refused'; reason: string | null; texts: string[]; newestMessageId: string | null }
  /** Back to the queue; the attempt is over. */
  | { kind: 'wait'; dueAt: number; failures: number; unavailableSince: number | null; reason: string }
  /** The agent waits until a person mends something; the turn stays first. */
  | { kind: 'hold'; reason: string }
  /** Once more at once, as text alone: the attempt is over, and its images may be why. */
  | { kind: 'without-images'; reason: string }
  | { kind: 'park'; reason: string; texts: string[] }
  /** The attempt may still live: nothing else may run before its fate is known. */
  | { kind: 'find-out'; reason: string };

/** Words for the sender: what a person in a chat can use, and nothing of our inside. */
export const NOTICE = {
  refused: 'Sorry, this message could not be passed on to the agent.',
  failed: 'Sorry, the agent could not answer this message.',
  gaveUp: 'Sorry, the agent could not be reached for a long time. This message was set aside.',
  unclear: 'Sorry, it is not clear whether the agent received this message. Please ask again if no answer comes.',
  tooLong: 'Sorry, the agent took too long to answer this message.',
  poisoned: 'Sorry, this message could not be processed. It was set aside.',
} as const;

const SHORTEST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** Share of a delay that chance may take off, so that agents do not come back all at once. */
const JITTER = 0.2;

export function decide(turn: TurnStanding, outcome: AttemptOutcome, limits: TurnLimits, now: number, random: number): TurnDecision {
  switch (outcome.kind) {
    case 'answered': {
      const texts = outcome.messages.filter((text) => text.trim() !== '');
      const as = texts.length === 0 ? 'silent' : 'answered';
      return { kind: 'settle', as, reason: null, texts, newestMessageId: outcome.newestMessageId };
    }
    case 'silent':
      return { kind: 'settle', as: 'silent', reason: null, texts: [], newestMessageId: outcome.newestMessageId };
    case 'rejected':
      if (turn.hadImages === true) return { kind: 'without-images', reason: outcome.reason };
      return { kind: 'settle', as: 'refused', reason: outcome.reason, texts: [NOTICE.refused], newestMessageId: null };
    case 'held':
      return { kind: 'hold', reason: outcome.reason };
    case 'failed':
      if (turn.hadImages === true && outcome.isBadRequest === true) return { kind: 'without-images', reason: outcome.reason };
      return afterFailure(turn, outcome.reason, limits, now, random);
    case 'unavailable':
      return afterUnavailable(turn, outcome, limits, now, random);
    case 'unknown':
      return { kind: 'find-out', reason: outcome.reason };
    default:
      return unreachable(outcome);
  }
}

function afterFailure(turn: TurnStanding, reason: string, limits: TurnLimits, now: number, random: number): TurnDecision {
  const failures = turn.failures + 1;
  if (failures > limits.maxRetries) {
    return {
      kind: 'park',
      reason: `Letta failed ${failures === 1 ? 'once' : `${failures} times, at last`}: ${reason}`,
      texts: [NOTICE.failed],
    };
  }
  const delay = Math.min(limits.retryFirstMs * 2 ** (failures - 1), limits.retryLongestMs);
  return { kind: 'wait', dueAt: now + jittered(delay, random), failures, unavailableSince: null, reason };
}

/** The longer nothing is reachable, the longer the next wait: as long as it lasted so far, within bounds. */
function afterUnavailable(
  turn: TurnStanding,
  outcome: { reason: string; afterMs: number | null },
  limits: TurnLimits,
  now: number,
  random: number,
): TurnDecision {
  const since = turn.unavailableSince ?? now;
  if (now - since >= limits.giveUpAfterMs) {
    return { kind: 'park', reason: `gave up after ${inWords(now - since)}: ${outcome.reason}`, texts: [NOTICE.gaveUp] };
  }
  const delay = Math.min(Math.max(now - since, SHORTEST_WAIT_MS), LONGEST_WAIT_MS, limits.retryLongestMs);
  const dueAt = now + Math.max(jittered(delay, random), outcome.afterMs ?? 0);
  return { kind: 'wait', dueAt, failures: turn.failures, unavailableSince: since, reason: outcome.reason };
}

function jittered(delayMs: number, random: number): number {
  return Math.round(delayMs * (1 - JITTER * random));
}

/** In a unit that leaves a number of two or three digits. */
function inWords(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3_600).toFixed(1)} h`;
}
