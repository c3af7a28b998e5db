/**
 * The Letta port: what Broca asks of the agent's server. An adapter (letta-rest.ts) speaks it and
 * classifies every failure once; nothing past this file knows a status code.
 */

import type { StoredAttachment } from '../message.ts';

/** One sending of a turn to Letta, as it was stored before it left. */
export type Attempt = {
  turnId: number;
  /** 1-based within the turn. */
  number: number;
  /** `<random>-<turn>:<attempt>`: names this attempt to Letta, and no other ever; repeated sendings of it keep it. */
  otid: string;
  /** Where it went. Another endpoint never knew of it. */
  endpoint: string;
  agentId: string;
  /** Exactly what the agent reads. */
  text: string;
  /** And is shown with it. */
  images: readonly StoredAttachment[];
  /** Newest message of the agent known before it left; null when the agent had none or none was known. */
  seenMessageId: string | null;
  runId: string | null;
  /** First time it left, by our clock (ms); null when it never did as far as was recorded. */
  sentAt: number | null;
};

/** What Letta told about an attempt while it ran; stored as it comes. */
export type AttemptNews =
  | { kind: 'run'; runId: string }
  /** A frame other than a ping came. Pings are no progress. */
  | { kind: 'progress' };

/** What an attempt ended in, as far as can be said. */
export type AttemptOutcome =
  /** All assistant messages, in order. */
  | { kind: 'answered'; messages: string[]; newestMessageId: string | null }
  /** The run ended well and the agent said nothing. A choice of the agent, not a failure. */
  | { kind: 'silent'; newestMessageId: string | null }
  /** Letta will never take this message (400, 422). */
  | { kind: 'rejected'; reason: string }
  /** Letta will take no message of this agent until a person mends something (401, 402, 403, quota 429, agent 404). */
  | { kind: 'held'; reason: string }
  /** The attempt is over, Letta ran it and it failed: counts against max_retries. A later attempt needs a new otid. `isBadRequest`: the model's provider found fault with what it was sent. `isCancelled`: somebody ended the run, we perhaps. */
  | { kind: 'failed'; reason: string; isBadRequest?: boolean; isCancelled?: boolean }
  /** Nothing ran (unreachable, 5xx before a run, 429, busy): does not count; a later attempt needs a new otid. `afterMs` when the server said when. `isOfThisTurn`: Letta is well, others need not wait. */
  | { kind: 'unavailable'; reason: string; afterMs: number | null; isOfThisTurn?: boolean }
  /** It left and how it ended was not heard. */
  | { kind: 'unknown'; reason: string };

/** What could be found out about an attempt of unknown fate. */
export type Settlement =
  | { kind: 'over'; outcome: AttemptOutcome & { kind: 'answered' | 'silent' | 'rejected' | 'failed' } }
  /** Letta proved it never took it, or would drop a second one: the same otid may be sent again now. */
  | { kind: 'resend' }
  /** Nothing can be said now; look again later. */
  | { kind: 'later'; cause: LaterCause; reason: string }
  /** Letta cannot tell, and will not later: a person decides. `hasTrace`: the message is with the agent, or its run was known. */
  | { kind: 'undecidable'; reason: string; hasTrace: boolean };

export type LaterCause =
  /** Its run goes on, or one that may be its run. */
  | 'going'
  /** Letta does not answer, or not this question. */
  | 'unreachable'
  /** Letta answers nothing about this agent until a person mends something. */
  | 'held';

export type LettaCheck =
  | { kind: 'reachable'; agentName: string }
  | { kind: 'held'; reason: string }
  | { kind: 'unreachable'; reason: string };

/** A reply to a small question: the value, or why not (a turn that needs it goes back to the queue, or the agent is held). */
export type LettaReply<T> =
  | { kind: 'ok'; value: T }
  | { kind: 'held'; reason: string }
  | { kind: 'rejected'; reason: string }
  | { kind: 'unavailable'; reason: string };

/** How a person is known to Letta: an identity and a memory block of their own. */
export type LettaPerson = {
  /** The user's own key, never another's; makes identity and block findable again after a crash. */
  key: string;
  name: string;
  identityId: string | null;
  blockId: string | null;
};

export type Letta = {
  /** Does the server answer, is the key right, does the agent exist? */
  check(signal: AbortSignal): Promise<LettaCheck>;
  newestMessageId(signal: AbortSignal): Promise<LettaReply<string | null>>;
  /** Sends an attempt and follows it to its end. `signal` ends the waiting (outcome `unknown`), not the run. */
  ask(attempt: Attempt, tell: (news: AttemptNews) => void, signal: AbortSignal): Promise<AttemptOutcome>;
  /**
   * The same for an attempt that was sent before and may still arrive: only where Letta drops a second one. That it was
   * not taken this time (`unavailable`, `held`) says nothing of the first.
   */
  askAgain(attempt: Attempt, tell: (news: AttemptNews) => void, signal: AbortSignal): Promise<AttemptOutcome>;
  /**
   * Finds out what became of an attempt, waiting for its run when it still goes: the run's own status,
   * resume by run or otid, active runs, then the message list back to `seenMessageId`.
   */
  settle(attempt: Attempt, tell: (news: AttemptNews) => void, signal: AbortSignal): Promise<Settlement>;
  /** Asks Letta to end a run; whether it did is found by `settle`. With no run known nothing is asked: others talk to the agent too. */
  cancel(runId: string | null, signal: AbortSignal): Promise<void>;
  /**
   * Finds or makes the identity and the block of a person (label one per user). Safe to repeat after a
   * crash. Letta is taking identities away: `identityId` is null where there are none.
   */
  findOrMakePerson(person: LettaPerson, signal: AbortSignal): Promise<LettaReply<{ identityId: string | null; blockId: string }>>;
  /** Attaching what is attached, or detaching what is not, is `ok`. `rejected`: the block is gone, or another of its label is attached. */
  attachBlock(blockId: string, signal: AbortSignal): Promise<LettaReply<null>>;
  detachBlock(blockId: string, signal: AbortSignal): Promise<LettaReply<null>>;
  /** Every block the agent has attached, its own and users'. */
  attachedBlocks(signal: AbortSignal): Promise<LettaReply<string[]>>;
  /** Closes connections. */
  close(): Promise<void>;
};
