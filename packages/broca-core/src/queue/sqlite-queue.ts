/**
 * The queue of turns. One turn of a conversation is `waiting` or `running` at a time, the rest of that
 * conversation is `queued` behind it; settling or parking one lets the next step forward in the same
 * transaction. Every change is guarded by the state it starts from.
 */
import { isStored, readAttachmentColumns, readAttachments } from '../attachments/parse.ts';
import type { StoredAttachment } from '../message.ts';
import { type Outbox, partsOf } from '../outbox/sqlite-outbox.ts';
import { readFact, writeFact } from '../store/facts.ts';
import { lazily } from '../store/lazily.ts';
import type { Store } from '../store/open.ts';
import type { SettlingWrite } from '../store/reserve.ts';
import type { Attempt } from '../turn/letta.ts';
import type { RunningTurn, SettledAs, Turn, TurnChoice } from './turn.ts';

/** How the attempt that ran (if one did) ended; recorded with what became of its turn. */
export type AttemptEnd = { number: number; outcome: string; reason: string | null };

export type SettleRequest = {
  turn: Turn;
  as: SettledAs;
  reason: string | null;
  /** What the sender is told, one text a message of the agent. */
  texts: readonly string[];
  attempt: AttemptEnd | null;
  newestMessageId: string | null;
};

export type BeginRequest = {
  turn: Turn;
  endpoint: string;
  agentId: string;
  text: string;
  /** Shown to the agent with the text. */
  images: readonly StoredAttachment[];
  seenMessageId: string | null;
  /** Block that will be attached for this turn. */
  blockId: string | null;
};

export type PutBackRequest = {
  turn: Turn;
  dueAt: number;
  failures: number;
  unavailableSince: number | null;
  reason: string;
  attempt: AttemptEnd | null;
  /** Letta did not take it with its images: from now on it is asked without them. */
  withoutImages?: boolean;
};

export type Queue = {
  /** The turn that is due now and oldest, with no change to it. */
  next(now: number, which?: TurnChoice): Turn | null;
  /** When the next waiting turn is due; null when none waits. */
  nextDueAt(which?: TurnChoice): number | null;
  /** The turn whose attempt left and is not over: after a restart it is settled before anything else. */
  running(): RunningTurn | null;
  /** An open turn by its number; null when it is settled, parked or gone. */
  find(id: number): Turn | null;
  /** Marks a turn running and stores its next attempt, before any of it leaves; null when a person removed it meanwhile. */
  begin(request: BeginRequest): Attempt | null;
  recordRun(attempt: Attempt, runId: string): void;
  recordProgress(attempt: Attempt): void;
  /** Since when the attempt's fate cannot be found out, as this process or one before it wrote down; null: it is not in doubt. */
  inDoubtSince(attempt: Attempt): number | null;
  recordDoubt(attempt: Attempt, since: number | null): void;
  /** These three change nothing when a person removed the turn while it waited. */
  settle(request: SettleRequest): void;
  putBack(request: PutBackRequest): void;
  /** Sets a turn aside with a reason until a person retries or settles it; the rest flows. */
  park(turn: Turn, reason: string, texts: readonly string[], attempt: AttemptEnd | null): void;
  /** Counts a crash against a turn, which is not taken up again before `dueAt`. */
  rest(turn: Turn, crashes: number, dueAt: number): void;
  /** When the newest turn was stored; 0 when there is none. */
  newestAt(): number;
  /** The clock was set back: what waits is due so much earlier. */
  setBack(byMs: number): void;
  /** Makes all changes of `work`, which must not wait for anything, one commit. */
  together<T>(work: () => T): T;
};

export function createQueue(store: Store, outbox: Outbox, clock: () => number, settling: SettlingWrite = (write) => write()): Queue {
  const statements = prepare(store);
  // Inside `together` the whole of it is what is tried again.
  const settlingOnce: SettlingWrite = (write) => (store.inTransaction ? write() : settling(write));

  const { settle, putBack, park, recordRun } = prepareEnds(store, outbox, statements, clock);

  const begin = store.transaction((request: BeginRequest): Attempt | null => {
    const { turn, blockId, ...sent } = request;
    if (statements.run.run(turn.id).changes !== 1) return null;
    const number = (statements.newestAttempt.get(turn.id) ?? 0) + 1;
    // Nothing of it may be derived: a database that was set back gives the same numbers again, and Letta would take another's message for this one.
    const otid = `${crypto.randomUUID()}-${turn.id}:${number}`;
    const attempt: Attempt = { turnId: turn.id, number, otid, ...sent, runId: null, sentAt: clock() };
    // Each keeps what it sent, and a Letta that is away for a day is tried a thousand times.
    statements.dropUntaken.run(turn.id);
    statements.addAttempt.run({ ...attempt, images: JSON.stringify(attempt.images) });
    if (blockId !== null) writeFact(store, 'attached_block', blockId);
    return attempt;
  });

  return {
    next(now, which = 'all') {
      if (which === 'none') return null;
      return toTurn(which === 'all' ? statements.next.get(now) : statements.nextOf.get(now, ...channelsOf(which)));
    },
    nextDueAt(which = 'all') {
      if (which === 'none') return null;
      return (which === 'all' ? statements.nextDueAt.get() : statements.nextDueAtOf.get(...channelsOf(which))) ?? null;
    },
    running() {
      const row = statements.running.get();
      const turn = toTurn(row);
      if (turn === null) return null;
      const stored = statements.openAttempt.get(turn.id);
      if (stored === undefined) throw new Error(`turn ${turn.id} runs without an attempt`);
      return { turn, attempt: { ...stored, images: readAttachments(stored.images).filter(isStored) } };
    },
    find: (turn) => toTurn(statements.find.get(turn)),
    begin: (request) => begin.immediate(request),
    recordRun: (attempt, runId) => settlingOnce(() => recordRun.immediate(attempt, runId)),
    recordProgress: (attempt) => settlingOnce(() => recordRun.immediate(attempt, null)),
    inDoubtSince({ turnId, number }) {
      const [turn, attempt, since] = (readFact(store, 'in_doubt') ?? '').split(':').map(Number);
      return turn === turnId && attempt === number ? (since ?? null) : null;
    },
    recordDoubt: ({ turnId, number }, since) =>
      settlingOnce(() => writeFact(store, 'in_doubt', since === null ? null : `${turnId}:${number}:${since}`)),
    settle: (request) => settlingOnce(() => settle.immediate(request)),
    putBack: (request) => settlingOnce(() => putBack.immediate(request)),
    park: (turn, reason, texts, attempt) => settlingOnce(() => park.immediate(turn, reason, texts, attempt)),
    rest: (turn, crashes, dueAt) => settlingOnce(() => void statements.rest.run(crashes, dueAt, turn.id)),
    newestAt: () => statements.newestAt.get() ?? 0,
    setBack: (byMs) => settlingOnce(() => void statements.setBack.run(byMs)),
    together: (work) => settlingOnce(() => store.transaction(work).immediate()),
  };
}

/** Names of channels as JSON, and whether they are those meant or those left out. */
function channelsOf(which: Exclude<TurnChoice, string>): [channels: string, are: 0 | 1] {
  return 'only' in which ? [JSON.stringify(which.only), 1] : [JSON.stringify(which.except), 0];
}

/** How an attempt and a turn's stay in the queue end, each in one transaction. */
function prepareEnds(store: Store, outbox: Outbox, statements: ReturnType<typeof prepare>, clock: () => number) {
  const endAttempt = (turn: Turn, end: AttemptEnd | null): void => {
    if (end !== null) statements.endAttempt.run(end.outcome, end.reason, clock(), turn.id, end.number);
  };

  /** Ends a turn's stay in the queue and lets the next of its conversation step forward; false when it has left. */
  const leave = (turn: Turn, state: 'settled' | 'parked', as: SettledAs | null, reason: string | null): boolean => {
    if (statements.leave.run(state, as, reason, clock(), turn.id).changes !== 1) return false;
    statements.promote.run(turn.conversationId);
    return true;
  };

  /** Once for each turn: its sender need not read again that it failed when a person retried it and it failed again. */
  const apologize = (turn: Turn, texts: readonly string[]): void => {
    if (statements.apology.get(turn.id) === undefined) outbox.add(partsOf(turn, texts));
  };

  const settle = store.transaction((request: SettleRequest): void => {
    const { turn } = request;
    endAttempt(turn, request.attempt);
    if (leave(turn, 'settled', request.as, request.reason)) {
      if (request.as === 'refused') apologize(turn, request.texts);
      else outbox.add(partsOf(turn, request.texts));
    }
    if (request.newestMessageId !== null) writeFact(store, 'newest_message_id', request.newestMessageId);
  });

  const putBack = store.transaction((request: PutBackRequest): void => {
    endAttempt(request.turn, request.attempt);
    const { dueAt, failures, unavailableSince, reason, withoutImages = false } = request;
    statements.putBack.run(dueAt, failures, unavailableSince, reason, withoutImages ? 1 : 0, request.turn.id);
  });

  const park = store.transaction((turn: Turn, reason: string, texts: readonly string[], attempt: AttemptEnd | null): void => {
    endAttempt(turn, attempt);
    if (leave(turn, 'parked', null, reason)) apologize(turn, texts);
  });

  const recordRun = store.transaction((attempt: Attempt, runId: string | null): void => {
    const { turnId, number } = attempt;
    if (runId === null) statements.recordProgress.run(clock(), turnId, number);
    else statements.recordRun.run(runId, clock(), turnId, number);
    statements.forgetCrashes.run(turnId);
  });

  return { settle, putBack, park, recordRun };
}

type TurnRow = Omit<Turn, 'person' | 'attachments' | 'withoutImages'> & {
  attachments: string;
  withoutImages: number;
  userId: number | null;
  knownSince: number;
  senderId: string;
  username: string | null;
  displayName: string | null;
  identityId: string | null;
  blockId: string | null;
};

function toTurn(row: TurnRow | undefined): Turn | null {
  if (row === undefined) return null;
  const { userId, knownSince, senderId, username, displayName, identityId, blockId, attachments, withoutImages, ...turn } = row;
  return {
    ...turn,
    attachments: readAttachmentColumns(attachments),
    withoutImages: withoutImages !== 0,
    person: userId === null ? null : { userId, knownSince, senderId, username, displayName, identityId, blockId },
  };
}

/** Every message of the turn, oldest first; the newest is the one that is answered. */
const TURN_ROW = `
  SELECT turns.id, turns.conversation_id AS conversationId, conversations.channel, account, chat, failures,
    unavailable_since AS unavailableSince, crashes, due_at AS dueAt, turns.created_at AS createdAt, user_id AS userId,
    users.created_at AS knownSince, sender_id AS senderId, username, display_name AS displayName, identity_id AS identityId, block_id AS blockId,
    (SELECT external_id FROM inbounds WHERE turn_id = turns.id ORDER BY number DESC LIMIT 1) AS inReplyTo,
    (SELECT group_concat(text, char(10)) FROM (SELECT text FROM inbounds WHERE turn_id = turns.id ORDER BY number)) AS text,
    without_images AS withoutImages,
    (SELECT json_group_array(attachments) FROM (SELECT attachments FROM inbounds WHERE turn_id = turns.id AND attachments <> '[]' ORDER BY number)) AS attachments
  FROM turns
  JOIN conversations ON conversations.id = turns.conversation_id
  LEFT JOIN profiles ON profiles.id = turns.profile_id
  LEFT JOIN users ON users.id = profiles.user_id`;

const IS_OF_CHANNEL = `
  ((SELECT channel FROM conversations WHERE conversations.id = turns.conversation_id) IN (SELECT value FROM json_each(?))) = ?`;

function prepare(store: Store) {
  return lazily({
    next: () =>
      store.prepare<[number], TurnRow>(
        `${TURN_ROW} WHERE turns.id = (SELECT id FROM turns WHERE state = 'waiting' AND due_at <= ? ORDER BY due_at, id LIMIT 1)`,
      ),
    nextOf: () =>
      store.prepare<[number, string, number], TurnRow>(
        `${TURN_ROW} WHERE turns.id = (SELECT id FROM turns WHERE state = 'waiting' AND due_at <= ? AND ${IS_OF_CHANNEL} ORDER BY due_at, id LIMIT 1)`,
      ),
    nextDueAt: () => store.prepare<[], number>("SELECT due_at FROM turns WHERE state = 'waiting' ORDER BY due_at LIMIT 1").pluck(),
    nextDueAtOf: () =>
      store
        .prepare<[string, number], number>(`SELECT due_at FROM turns WHERE state = 'waiting' AND ${IS_OF_CHANNEL} ORDER BY due_at LIMIT 1`)
        .pluck(),
    running: () => store.prepare<[], TurnRow>(`${TURN_ROW} WHERE turns.state = 'running' ORDER BY turns.id LIMIT 1`),
    find: () => store.prepare<[number], TurnRow>(`${TURN_ROW} WHERE turns.id = ? AND turns.state IN ('queued', 'waiting', 'running')`),
    rest: () =>
      store.prepare("UPDATE turns SET crashes = ?, due_at = max(due_at, ?) WHERE id = ? AND state IN ('queued', 'waiting', 'running')"),
    newestAt: () => store.prepare<[], number>('SELECT created_at FROM turns ORDER BY id DESC LIMIT 1').pluck(),
    setBack: () => store.prepare("UPDATE turns SET due_at = due_at - ? WHERE state IN ('queued', 'waiting', 'running')"),
    forgetCrashes: () => store.prepare('UPDATE turns SET crashes = 0 WHERE id = ? AND crashes > 0'),
    run: () => store.prepare<[number]>("UPDATE turns SET state = 'running' WHERE id = ? AND state = 'waiting'"),
    newestAttempt: () => store.prepare<[number], number>('SELECT max(number) FROM attempts WHERE turn_id = ?').pluck(),
    openAttempt: () =>
      store.prepare<[number], Omit<Attempt, 'images'> & { images: string }>(
        `SELECT turn_id AS turnId, number, otid, endpoint, agent_id AS agentId, text, images, seen_message_id AS seenMessageId,
         run_id AS runId, sent_at AS sentAt
       FROM attempts WHERE turn_id = ? AND over_at IS NULL ORDER BY number DESC LIMIT 1`,
      ),
    dropUntaken: () => store.prepare("DELETE FROM attempts WHERE turn_id = ? AND outcome IN ('unavailable', 'held')"),
    addAttempt: () =>
      store.prepare(
        `INSERT INTO attempts (turn_id, number, otid, endpoint, agent_id, text, images, seen_message_id, sent_at)
       VALUES (@turnId, @number, @otid, @endpoint, @agentId, @text, @images, @seenMessageId, @sentAt)`,
      ),
    recordRun: () => store.prepare('UPDATE attempts SET run_id = ?, progress_at = ? WHERE turn_id = ? AND number = ? AND over_at IS NULL'),
    recordProgress: () => store.prepare('UPDATE attempts SET progress_at = ? WHERE turn_id = ? AND number = ? AND over_at IS NULL'),
    endAttempt: () =>
      store.prepare('UPDATE attempts SET outcome = ?, reason = ?, over_at = ? WHERE turn_id = ? AND number = ? AND over_at IS NULL'),
    leave: () =>
      store.prepare(
        "UPDATE turns SET state = ?, outcome = ?, reason = ?, settled_at = ? WHERE id = ? AND state IN ('queued', 'waiting', 'running')",
      ),
    // One that the channel did not take was not read.
    apology: () => store.prepare<[number], number>("SELECT 1 FROM parts WHERE turn_id = ? AND state <> 'refused' LIMIT 1").pluck(),
    // The index is named: with no statistics SQLite would rather walk all that was ever said in the conversation.
    promote: () =>
      store.prepare(
        `UPDATE turns SET state = 'waiting' WHERE id =
         (SELECT id FROM turns INDEXED BY turns_open WHERE conversation_id = ? AND state IN ('queued', 'waiting', 'running') ORDER BY id LIMIT 1)
       AND state = 'queued'`,
      ),
    putBack: () =>
      store.prepare(
        `UPDATE turns SET state = 'waiting', due_at = ?, failures = ?, unavailable_since = ?, crashes = 0, reason = ?, without_images = max(without_images, ?)
       WHERE id = ? AND state IN ('waiting', 'running')`,
      ),
  });
}
