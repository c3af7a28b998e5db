/**
 * Parts of replies on their way out: `waiting → sending → sent`. Of each conversation the foremost part is
 * `waiting` or `sending`, the rest are `queued` behind it, so parts keep their order; with it some of those
 * behind it may be `sending` as well, to be handed over in their order. A part's key is chosen when it is
 * stored and goes with every sending.
 */
import type { ComposedPart } from '../channel/channel.ts';
import type { Part } from '../message.ts';
import type { Turn } from '../queue/turn.ts';
import { lazily } from '../store/lazily.ts';
import type { Store } from '../store/open.ts';
import type { SettlingWrite } from '../store/reserve.ts';

export type PartSource = {
  turnId: number;
  conversationId: number;
  channel: string;
  inReplyTo: string | null;
  text: string;
};

export type OutboxPart = Part & {
  id: number;
  conversationId: number;
  failures: number;
  /** Crashes of Broca in a row while it had this part in hand. */
  crashes: number;
  createdAt: number;
};

export type PartEnd = { state: 'sent' | 'refused' | 'uncertain'; platformId: string | null; reason: string | null };

export type Outbox = {
  /** Stores the parts of one reply, inside the caller's transaction. */
  add(parts: readonly PartSource[]): void;
  /** The channel's oldest part that is due. */
  next(channel: string, now: number): OutboxPart | null;
  /**
   * Up to `most` parts to be handed over together: the foremost due ones of as many conversations, then those
   * behind them, in order. One that a crash speaks against comes alone.
   */
  nextFew(channel: string, now: number, most: number): OutboxPart[];
  nextDueAt(channel: string): number | null;
  /** A part that is not handed over yet; null when there is none of this number. */
  find(id: number): OutboxPart | null;
  /**
   * Records that the part is about to be handed over; from here on it may have arrived. Those before it in its
   * conversation must be marked already. Null when a person removed it meanwhile.
   */
  markSending(part: OutboxPart): OutboxPart | null;
  settle(part: OutboxPart, end: PartEnd): void;
  putBack(part: OutboxPart, dueAt: number, failures: number, reason: string): void;
  /** The platform did not take it: as if it had never been handed over. */
  forgetSending(part: OutboxPart): void;
  /** A part that was marked and not handed over after all, because one before it waits. */
  standBehind(part: OutboxPart): void;
  /** Counts a crash against a part, which is not taken up again before `dueAt`. */
  rest(part: OutboxPart, crashes: number, dueAt: number): void;
  /** Counts the crashes of a part against those of its reply that wait behind it as well, up to the one too many. */
  suspectRest(part: OutboxPart): void;
  /** When the newest part was stored; 0 when there is none. */
  newestAt(): number;
  /** The clock was set back: what waits for this channel is due so much earlier. */
  setBack(channel: string, byMs: number): void;
  /** Makes all changes of `work`, which must not wait for anything, one commit. */
  together<T>(work: () => T): T;
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

const WITHHELD = 'this turn is from before a backup was restored, or the database was damaged: its reply may have been handed over before';

type Split = (channel: string, text: string) => readonly (string | ComposedPart)[];

/** Makes the parts of each text for its channel; `split` knows what the channel can take. */
export function createOutbox(store: Store, split: Split, clock: () => number, settling: SettlingWrite = (write) => write()): Outbox {
  const statements = prepare(store);
  const settlingOnce: SettlingWrite = (write) => (store.inTransaction ? write() : settling(write));

  const settle = store.transaction((part: OutboxPart, end: PartEnd): void => {
    const { changes } = statements.settle.run(end.state, end.platformId, end.reason, clock(), part.id);
    if (changes !== 1) throw new Error(`part ${part.id} was settled by somebody else`);
    statements.promote.run(part.conversationId);
  });

  const recover = store.transaction((channel: string, isIdempotent: boolean) => {
    const conversations = statements.sending.all(channel);
    const { changes } = isIdempotent
      ? statements.sendAgain.run(channel)
      : statements.giveUp.run('Broca ended while it was sent', clock(), channel);
    for (const conversation of conversations) statements.promote.run(conversation);
    return isIdempotent ? { again: changes, uncertain: 0 } : { again: 0, uncertain: changes };
  });

  return {
    add: (sources) => addParts(statements, split, sources, clock()),
    next: (channel, now) => statements.due.get(channel, now, 1) ?? null,
    nextFew: (channel, now, most) => selectFew(statements, channel, now, most),
    nextDueAt: (channel) => statements.nextDueAt.get(channel) ?? null,
    find: (id) => statements.find.get(id) ?? null,
    markSending(part) {
      const now = clock();
      if (statements.markSending.run(now, part.id).changes !== 1) return null;
      return { ...part, firstSentAt: part.firstSentAt ?? now };
    },
    settle: (part, end) => settlingOnce(() => settle.immediate(part, end)),
    putBack: (part, dueAt, failures, reason) => settlingOnce(() => void statements.putBack.run(dueAt, failures, reason, part.id)),
    forgetSending: (part) => settlingOnce(() => void statements.forgetSending.run(part.id)),
    standBehind: (part) => void statements.standBehind.run(part.id),
    rest: (part, crashes, dueAt) => settlingOnce(() => void statements.rest.run(crashes, dueAt, part.id)),
    suspectRest: (part) => settlingOnce(() => void statements.suspectRest.run(part.crashes, part.turnId)),
    newestAt: () => statements.newestAt.get() ?? 0,
    setBack: (channel, byMs) => settlingOnce(() => void statements.setBack.run(byMs, channel)),
    together: (work) => settlingOnce(() => store.transaction(work).immediate()),
    recover: (channel, isIdempotent) => settlingOnce(() => recover.immediate(channel, isIdempotent)),
  };
}

function addParts(statements: ReturnType<typeof prepare>, split: Split, sources: readonly PartSource[], now: number): void {
  const texts = sources.flatMap((source) =>
    split(source.channel, source.text).map((piece) => ({
      ...source,
      ...(typeof piece === 'string' ? { text: piece, form: null } : piece),
    })),
  );
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
      part.form,
      newKey(),
      state,
      now,
      now,
    );
  }
  const turnId = sources[0]?.turnId;
  if (turnId !== undefined && statements.withheld.get() === String(turnId)) statements.withhold.run(WITHHELD, now, turnId, told);
}

/** The foremost due parts, then those behind them; one that a crash speaks against alone. */
function selectFew(statements: ReturnType<typeof prepare>, channel: string, now: number, most: number): OutboxPart[] {
  const due = statements.due.all(channel, now, most);
  if (due[0] !== undefined && due[0].crashes > 0) return due.slice(0, 1);
  const few = due.filter(({ crashes }) => crashes === 0);
  for (const front of [...few]) {
    if (few.length >= most) break;
    for (const part of statements.behind.all(front.conversationId, front.id, most - few.length)) {
      if (part.crashes > 0 || part.dueAt > now) break;
      few.push(part);
    }
  }
  return few;
}

/** 63 random bits as decimal text: Telegram's random_id is a signed 64-bit number, never 0. */
function newKey(): string {
  // The global, not node:crypto, which takes 5 ms to load at every start.
  const [bits = 0n] = crypto.getRandomValues(new BigUint64Array(1));
  return ((bits >> 1n) | 1n).toString();
}

type OutboxRow = OutboxPart & { dueAt: number };

const PART_ROW = `
  SELECT parts.id, turn_id AS turnId, conversation_id AS conversationId, parts.channel, account, chat, number, count,
    in_reply_to AS inReplyTo, text, form, key, failures, crashes, due_at AS dueAt, parts.created_at AS createdAt, first_sent_at AS firstSentAt
  FROM parts JOIN conversations ON conversations.id = parts.conversation_id`;

function prepare(store: Store) {
  return lazily({
    open: () =>
      store
        .prepare<[number], number>("SELECT id FROM parts WHERE conversation_id = ? AND state IN ('queued', 'waiting', 'sending') LIMIT 1")
        .pluck(),
    withheld: () => store.prepare<[], string>("SELECT value FROM facts WHERE key = 'withheld_turn'").pluck(),
    withhold: () =>
      store.prepare(
        "UPDATE parts SET state = 'uncertain', reason = ?, settled_at = ? WHERE turn_id = ? AND number > ? AND state IN ('queued', 'waiting')",
      ),
    newest: () => store.prepare<[number], number>('SELECT max(number) FROM parts WHERE turn_id = ?').pluck(),
    add: () =>
      store.prepare(
        `INSERT INTO parts (turn_id, conversation_id, channel, number, count, in_reply_to, text, form, key, state, due_at, created_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ),
    due: () =>
      store.prepare<[string, number, number], OutboxRow>(
        `${PART_ROW} WHERE parts.state = 'waiting' AND parts.channel = ? AND due_at <= ? ORDER BY due_at, parts.id LIMIT ?`,
      ),
    behind: () =>
      store.prepare<[number, number, number], OutboxRow>(
        `${PART_ROW} WHERE parts.conversation_id = ? AND parts.id > ? AND parts.state = 'queued' ORDER BY parts.id LIMIT ?`,
      ),
    find: () => store.prepare<[number], OutboxRow>(`${PART_ROW} WHERE parts.id = ? AND parts.state IN ('queued', 'waiting', 'sending')`),
    nextDueAt: () =>
      store.prepare<[string], number>("SELECT due_at FROM parts WHERE state = 'waiting' AND channel = ? ORDER BY due_at LIMIT 1").pluck(),
    markSending: () =>
      store.prepare(
        "UPDATE parts SET state = 'sending', first_sent_at = coalesce(first_sent_at, ?) WHERE id = ? AND state IN ('queued', 'waiting')",
      ),
    settle: () =>
      store.prepare(
        "UPDATE parts SET state = ?, platform_id = ?, reason = ?, settled_at = ? WHERE id = ? AND state IN ('queued', 'waiting', 'sending')",
      ),
    putBack: () =>
      store.prepare(
        "UPDATE parts SET state = 'waiting', due_at = ?, failures = ?, crashes = 0, reason = ? WHERE id = ? AND state IN ('waiting', 'sending')",
      ),
    forgetSending: () => store.prepare('UPDATE parts SET first_sent_at = NULL WHERE id = ?'),
    newestAt: () => store.prepare<[], number>('SELECT created_at FROM parts ORDER BY id DESC LIMIT 1').pluck(),
    setBack: () => store.prepare("UPDATE parts SET due_at = due_at - ? WHERE state IN ('queued', 'waiting', 'sending') AND channel = ?"),
    standBehind: () => store.prepare("UPDATE parts SET state = 'queued' WHERE id = ? AND state = 'sending'"),
    rest: () =>
      store.prepare("UPDATE parts SET crashes = ?, due_at = max(due_at, ?) WHERE id = ? AND state IN ('queued', 'waiting', 'sending')"),
    suspectRest: () => store.prepare("UPDATE parts SET crashes = ? WHERE turn_id = ? AND state IN ('queued', 'waiting', 'sending')"),
    promote: () =>
      store.prepare(
        `UPDATE parts SET state = 'waiting' WHERE id =
         (SELECT id FROM parts WHERE conversation_id = ? AND state IN ('queued', 'waiting', 'sending') ORDER BY id LIMIT 1)
       AND state = 'queued'`,
      ),
    sending: () =>
      store.prepare<[string], number>("SELECT DISTINCT conversation_id FROM parts WHERE state = 'sending' AND channel = ?").pluck(),
    sendAgain: () => store.prepare("UPDATE parts SET state = 'queued' WHERE state = 'sending' AND channel = ?"),
    giveUp: () => store.prepare("UPDATE parts SET state = 'uncertain', reason = ?, settled_at = ? WHERE state = 'sending' AND channel = ?"),
  });
}
