/**
 * `broca queue flush|retry|settle|delete`. Each change is one transaction that keeps what the queue relies on:
 * of a conversation only the foremost turn (or part) is waiting or running, and a running one is
 * nobody's but the turn loop's. The tombstones in `seen` stay, so nothing comes in a second time.
 */

import { failed, ok, type Result } from 'animus-protocol';
import * as v from 'valibot';
import type { Store } from '../store/open.ts';
import type { BrocaCommand, CommandContext } from './command.ts';
import type { DeleteResult, FlushResult, RetryResult, SettleResult, TurnState } from './command-values.ts';
import { command, rowId } from './define.ts';
import { noSuchTurn } from './queue.ts';

export const queueFlush: BrocaCommand = command(v.strictObject({}), (_args, context: CommandContext) => {
  const { store } = context;
  const waiting = store.prepare<[], number>("SELECT id FROM turns WHERE state IN ('queued', 'waiting')").pluck();
  const flush = store.prepare(
    "UPDATE turns SET state = 'settled', outcome = 'flushed', reason = 'flushed by hand', settled_at = ? WHERE state IN ('queued', 'waiting')",
  );
  const running = store.prepare<[], number>("SELECT count(*) FROM turns WHERE state = 'running'").pluck();
  const { ids, result } = store
    .transaction(() => {
      const ids = waiting.all();
      const result: FlushResult = { flushed: flush.run(context.now()).changes, stillRunning: running.get() ?? 0 };
      return { ids, result };
    })
    .immediate();
  tellChanged(context, ids);
  return ok(result);
});

export const queueRetry: BrocaCommand = command(
  v.strictObject({ turn: rowId, evenIfAskedTwice: v.optional(v.boolean(), false) }),
  ({ turn, evenIfAskedTwice }, context: CommandContext) => {
    const retried = context.store.transaction(() => retry(context.store, turn, evenIfAskedTwice, context.now())).immediate();
    if (retried.ok) tellChanged(context, [turn]);
    return retried;
  },
);

/** How an attempt may have ended that surely left no live run and no answer behind. */
const SURELY_UNANSWERED = new Set(['failed', 'rejected', 'held', 'unavailable']);

function retry(store: Store, turn: number, evenIfAskedTwice: boolean, now: number): Result<RetryResult, string> {
  const row = findTurn(store, turn);
  if (row === undefined) return failed(noSuchTurn(turn));
  if (row.state !== 'parked') return failed(`turn ${turn} is ${row.state}, not parked: only a parked turn can be retried`);
  const last = store
    .prepare<[number], string | null>('SELECT outcome FROM attempts WHERE turn_id = ? ORDER BY number DESC LIMIT 1')
    .pluck()
    .get(turn);
  if (last !== undefined && !SURELY_UNANSWERED.has(last ?? 'unknown') && !evenIfAskedTwice) {
    return failed(
      `nobody knows whether the agent got turn ${turn}: retried, it may be asked twice. Look at it with broca queue show ${turn}, then retry it with --even-if-asked-twice, or end it with broca queue settle ${turn}`,
    );
  }
  const open = store
    .prepare<[number], number>(
      "SELECT id FROM turns INDEXED BY turns_open WHERE conversation_id = ? AND state IN ('queued', 'waiting', 'running') LIMIT 1",
    )
    .pluck()
    .get(row.conversationId);
  const state = open === undefined ? 'waiting' : 'queued';
  store
    .prepare(
      `UPDATE turns SET state = ?, due_at = ?, failures = 0, unavailable_since = NULL, crashes = 0, outcome = NULL, reason = NULL, settled_at = NULL
       WHERE id = ? AND state = 'parked'`,
    )
    .run(state, now, turn);
  // Whoever retries it wants its reply.
  store.prepare("DELETE FROM facts WHERE key = 'withheld_turn' AND value = ?").run(String(turn));
  return ok({ id: turn, state });
}

export const queueSettle: BrocaCommand = command(
  v.strictObject({
    turn: rowId,
    as: v.optional(v.picklist(['answered', 'refused']), 'answered'),
    reason: v.optional(v.pipe(v.string(), v.trim(), v.nonEmpty('must not be empty')), 'settled by hand'),
  }),
  ({ turn, as, reason }, context: CommandContext) => {
    const settled = context.store.transaction(() => settle(context.store, turn, as, reason, context.now())).immediate();
    if (settled.ok) tellChanged(context, [turn]);
    return settled;
  },
);

/** Ends what waits for a person: a parked turn, and parts of its reply that may or may not have arrived. */
function settle(store: Store, turn: number, as: 'answered' | 'refused', reason: string, now: number): Result<SettleResult, string> {
  const row = findTurn(store, turn);
  if (row === undefined) return failed(noSuchTurn(turn));
  const parts = store
    .prepare("UPDATE parts SET state = ?, reason = ?, settled_at = ? WHERE turn_id = ? AND state = 'uncertain'")
    .run(as === 'answered' ? 'sent' : 'refused', reason, now, turn).changes;
  if (row.state === 'parked') {
    store.prepare("UPDATE turns SET state = 'settled', outcome = ?, reason = ?, settled_at = ? WHERE id = ?").run(as, reason, now, turn);
  } else if (parts === 0) {
    return failed(`turn ${turn} is ${row.state}: only a parked turn, or one whose reply may not have arrived, can be settled by hand`);
  }
  return ok({ id: turn, outcome: as, parts });
}

export const queueDelete: BrocaCommand = command(v.strictObject({ turn: rowId }), ({ turn }, context: CommandContext) => {
  const deleted = context.store.transaction(() => remove(context.store, turn)).immediate();
  if (deleted.ok) tellChanged(context, [turn]);
  return deleted;
});

function remove(store: Store, turn: number): Result<DeleteResult, string> {
  const row = findTurn(store, turn);
  if (row === undefined) return failed(noSuchTurn(turn));
  if (row.state === 'running') return failed(`turn ${turn} is running: wait until it ends, then delete it`);
  const sending = store.prepare<[number], number>("SELECT id FROM parts WHERE turn_id = ? AND state = 'sending' LIMIT 1").pluck().get(turn);
  if (sending !== undefined) return failed(`a part of the reply to turn ${turn} is being handed over: try again in a moment`);
  store.prepare('DELETE FROM turns WHERE id = ?').run(turn);
  for (const table of ['turns', 'parts'] as const) {
    const open = table === 'turns' ? "('queued', 'waiting', 'running')" : "('queued', 'waiting', 'sending')";
    store
      .prepare(
        `UPDATE ${table} SET state = 'waiting' WHERE id =
           (SELECT id FROM ${table} INDEXED BY ${table}_open WHERE conversation_id = ? AND state IN ${open} ORDER BY id LIMIT 1)
         AND state = 'queued'
         AND NOT EXISTS (SELECT 1 FROM ${table} INDEXED BY ${table}_open WHERE conversation_id = ? AND state IN ${open} AND state <> 'queued')`,
      )
      .run(row.conversationId, row.conversationId);
  }
  return ok({ id: turn });
}

function findTurn(store: Store, turn: number): { state: TurnState; conversationId: number } | undefined {
  return store
    .prepare<[number], { state: TurnState; conversationId: number }>(
      'SELECT state, conversation_id AS conversationId FROM turns WHERE id = ?',
    )
    .get(turn);
}

function tellChanged({ live }: CommandContext, turns: readonly number[]): void {
  if (live === null) return;
  for (const turn of turns) live.events.changed(turn);
  live.wake();
}
