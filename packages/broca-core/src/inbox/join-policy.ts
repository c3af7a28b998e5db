/** Decides whether a message joins the sender's last turn: rapid messages are one question. */
import type { MessageLimits } from 'animus-protocol';

/** A turn that waits and was never asked, as far as joining it matters. */
export type JoinableTurn = {
  createdAt: number;
  /** When its newest message was received. */
  newestAt: number;
  messages: number;
  length: number;
  attachments: number;
};

export type JoinRequest = { withinMs: number; length: number; attachments: number };

/** `dueAt`: when the question is asked unless a further message joins it. */
export type JoinDecision = { kind: 'join' | 'begin'; dueAt: number };

/** Somebody who never pauses is answered all the same: a question waits at most so many windows, */
const MOST_WINDOWS = 10;
/** and takes at most so many messages. */
const MOST_MESSAGES = 50;

export function decideJoin(
  turn: JoinableTurn | null,
  { withinMs, ...message }: JoinRequest,
  limits: MessageLimits,
  now: number,
): JoinDecision {
  const begin: JoinDecision = { kind: 'begin', dueAt: now + withinMs };
  if (turn === null || withinMs === 0) return begin;
  const lastDueAt = turn.createdAt + MOST_WINDOWS * withinMs;
  const fits =
    now - turn.newestAt <= withinMs &&
    now < lastDueAt &&
    turn.messages < MOST_MESSAGES &&
    turn.length + 1 + message.length <= limits.messageLength &&
    turn.attachments + message.attachments <= limits.attachments;
  return fits ? { kind: 'join', dueAt: Math.min(now + withinMs, lastDueAt) } : begin;
}
