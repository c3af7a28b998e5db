/**
 * A copy of which nobody can say what became of it after it was taken, or what was saved of a damaged database. Nothing
 * that was open in it is sent by itself: it may have been answered. It gets a name of its own too, for what it numbers from now on was numbered before.
 */
import { writeFact } from '../facts.ts';
import type { Store } from '../open.ts';
import { park, raiseNumber } from './open-rows.ts';
import type { RestoreReport, RestoreRequest } from './request.ts';

export type FenceRequest = Pick<RestoreRequest, 'isOtherAgent' | 'aliveUntil' | 'newestSpooled' | 'now'> & {
  /** Why a turn is set aside, and why nobody knows whether a part arrived. */
  told: { turn: string; part: string };
};

export function fence(store: Store, request: FenceRequest): RestoreReport {
  const { now, isOtherAgent, told } = request;
  const ids = (sql: string): number[] => store.prepare<[], number>(sql).pluck().all();
  const [running = null] = ids("SELECT id FROM turns WHERE state = 'running' ORDER BY id");
  // Another agent cannot be asked for it.
  const settling = isOtherAgent ? null : running;
  const parked = ids(`SELECT id FROM turns WHERE state IN (${isOtherAgent ? "'running', " : ''}'queued', 'waiting') ORDER BY id`);
  park(store, parked, told.turn, now);
  store
    .prepare(
      `UPDATE attempts SET outcome = 'unknown', reason = ?, over_at = ? WHERE over_at IS NULL AND turn_id IN (SELECT id FROM turns WHERE state = 'parked')`,
    )
    .run(told.turn, now);
  const uncertain = store
    .prepare("UPDATE parts SET state = 'uncertain', reason = ?, settled_at = ? WHERE state IN ('queued', 'waiting', 'sending')")
    .run(told.part, now).changes;
  writeFact(store, 'database_id', crypto.randomUUID());
  // Whose block is attached now, and what the agent said since, the copy cannot know.
  writeFact(store, 'attached_block', null);
  writeFact(store, 'attached_unknown', 'restored');
  if (isOtherAgent) writeFact(store, 'newest_message_id', null);
  writeFact(store, 'withheld_turn', settling === null ? null : String(settling));
  writeFact(store, 'restored_until', isOtherAgent ? null : String(request.aliveUntil));
  // A reply in the spool is named after its turn: none of the names that may lie there is used again.
  raiseNumber(store, 'turns', request.newestSpooled);
  return { isFollowed: false, parked, uncertain, settling, carried: 0 };
}
