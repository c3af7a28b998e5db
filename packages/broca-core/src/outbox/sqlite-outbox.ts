/**
 * Parts of replies on their way out: `waiting → sending → sent`. Of each conversation one part is
 * `waiting` or `sending`, the rest are `queued` behind it, so parts keep their order. A part's key is
 * chosen when it is stored and goes with every sending.
 */
import { randomBytes } from 'node:crypto';
import type { Part } from '../message.ts';
import type { Turn } from '../queue/turn.ts';
import type { Store } from '../store/open.ts';

export type PartSource = {
  turnId: number;
  conversationId: number;
  channel: string;
  inReplyTo: string | null;
  text: string;
};

export type OutboxPart = Part & { id: number; conversationId: number; failures: number; createdAt: number };

export type PartEnd = { state: 'sent' | 'refused' | 'uncertain'; platformId: string | null; reason: string | null };

export type Outbox = {
  /** Stores the parts of one reply, inside the caller's transaction. */
  add(parts: readonly PartSource[]): void;
  /** The channel's oldest part that is due. */
  next(channel: string, now: number): OutboxPart | null;
  nextDueAt(channel: string): number | null;
  /** Records that the part is about to be handed over; from here on it may have arrived. */
  markSending(part: OutboxPart): OutboxPart;
  settle(part: OutboxPart, end: PartEnd): void;
  putBack(part: OutboxPart, dueAt: number, failures: number, reason: string): void;
  /** After a restart: what was being sent when the process ended, sent again with its key, or given up as uncertain. */
  recover(channel: string, isIdempotent: boolean): { again: number; uncertain: number };
};

export function partsOf(turn: Turn, texts: readonly string[]): PartSource[] {
  return texts.map((text) => ({
    turnId: turn.id,
    conversationId: turn.conversationId,
    channel: turn.channel,
    inReplyTo: turn.inReplyTo,
    text,
  }));
}

/** Splits each text for its channel; `split` knows what the channel can take. */
export function createOutbox(store: Store, split: (channel: string, text: string) => string[], clock: () => number): Outbox {
  const statements = prepare(store);

  const settle = store.transaction((part: OutboxPart, end: PartEnd): void => {
    const { changes } = statements.settle.run(end.state, end.platformId, end.reason, clock(), part.id);
    if (changes !== 1) throw new Error(`part ${part.id} was settled by somebody else`);
    statements.promote.run(part.conversationId);
  });

  const recover = store.transaction((channel: string, isIdempotent: boolean) => {
    if (isIdempotent) return { again: statements.sendAgain.run(channel).changes, uncertain: 0 };
    const conversations = statements.sending.all(channel);
    const uncertain = statements.giveUp.run('Broca ended while it was sent', clock(), channel).changes;
    for (const conversation of conversations) statements.promote.run(conversation);
    return { again: 0, uncertain };
  });

  return {
    add(sources) {
      const texts = sources.flatMap((source) => split(source.channel, source.text).map((text) => ({ ...source, text })));
      const now = clock();
      // A turn that was parked and tried again goes on counting: turn and number name a part for ever.
      const told = sources[0] === undefined ? 0 : (statements.newest.get(sources[0].turnId) ?? 0);
      for (const [index, part] of texts.entries()) {
        const state = statements.open.get(part.conversationId) === undefined ? 'waiting' : 'queued';
        statements.add.run(
          part.turnId,
          part.conversationId,
          part.channel,
          told + index + 1,
          told + texts.length,
          part.inReplyTo,
          part.text,
          newKey(),
          state,
          now,
          now,
        );
      }
    },
    next: (channel, now) => statements.next.get(channel, now) ?? null,
    nextDueAt: (channel) => statements.nextDueAt.get(channel) ?? null,
    markSending(part) {
      const now = clock();
      if (statements.markSending.run(now, part.id).changes !== 1) throw new Error(`part ${part.id} was not waiting`);
      return { ...part, firstSentAt: part.firstSentAt ?? now };
    },
    settle: (part, end) => settle.immediate(part, end),
    putBack: (part, dueAt, failures, reason) => void statements.putBack.run(dueAt, failures, reason, part.id),
    recover: (channel, isIdempotent) => recover.immediate(channel, isIdempotent),
  };
}

/** 63 random bits as decimal text: Telegram's random_id is a signed 64-bit number, never 0. */
function newKey(): string {
  return ((randomBytes(8).readBigUInt64BE() >> 1n) | 1n).toString();
}

function prepare(store: Store) {
  return {
    open: store
      .prepare<[number], number>("SELECT id FROM parts WHERE conversation_id = ? AND state IN ('queued', 'waiting', 'sending') LIMIT 1")
      .pluck(),
    newest: store.prepare<[number], number>('SELECT max(number) FROM parts WHERE turn_id = ?').pluck(),
    add: store.prepare(
      `INSERT INTO parts (turn_id, conversation_id, channel, number, count, in_reply_to, text, key, state, due_at, created_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    next: store.prepare<[string, number], OutboxPart>(
      `SELECT parts.id, turn_id AS turnId, conversation_id AS conversationId, parts.channel, account, chat, number, count,
         in_reply_to AS inReplyTo, text, key, failures, parts.created_at AS createdAt, first_sent_at AS firstSentAt
       FROM parts JOIN conversations ON conversations.id = parts.conversation_id
       WHERE parts.id = (SELECT id FROM parts WHERE state = 'waiting' AND channel = ? AND due_at <= ? ORDER BY due_at, id LIMIT 1)`,
    ),
    nextDueAt: store
      .prepare<[string], number>("SELECT due_at FROM parts WHERE state = 'waiting' AND channel = ? ORDER BY due_at LIMIT 1")
      .pluck(),
    markSending: store.prepare(
      "UPDATE parts SET state = 'sending', first_sent_at = coalesce(first_sent_at, ?) WHERE id = ? AND state = 'waiting'",
    ),
    settle: store.prepare(
      "UPDATE parts SET state = ?, platform_id = ?, reason = ?, settled_at = ? WHERE id = ? AND state IN ('waiting', 'sending')",
    ),
    putBack: store.prepare(
      "UPDATE parts SET state = 'waiting', due_at = ?, failures = ?, reason = ? WHERE id = ? AND state IN ('waiting', 'sending')",
    ),
    promote: store.prepare(
      `UPDATE parts SET state = 'waiting' WHERE id =
         (SELECT id FROM parts WHERE conversation_id = ? AND state IN ('queued', 'waiting', 'sending') ORDER BY id LIMIT 1)
       AND state = 'queued'`,
    ),
    sending: store.prepare<[string], number>("SELECT DISTINCT conversation_id FROM parts WHERE state = 'sending' AND channel = ?").pluck(),
    sendAgain: store.prepare("UPDATE parts SET state = 'waiting' WHERE state = 'sending' AND channel = ?"),
    giveUp: store.prepare("UPDATE parts SET state = 'uncertain', reason = ?, settled_at = ? WHERE state = 'sending' AND channel = ?"),
  };
}
