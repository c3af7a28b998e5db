/**
 * A copy of which nobody can say what became of it after it was taken. Nothing that was open in it is sent by itself:
 * most of it has been answered since. It gets a name of its own too, for what it numbers from now on was numbered before.
 */
import { writeFact } from '../facts.ts';
import type { Store } from '../open.ts';
import { park } from './open-rows.ts';
import type { RestoreReport, RestoreRequest } from './request.ts';

export function fence(store: Store, request: RestoreRequest): RestoreReport {
  const { now, takenAt, isOtherAgent } = request;
  const at = new Date(takenAt).toISOString();
  const ids = (sql: string): number[] => store.prepare<[], number>(sql).pluck().all();
  const reason = `a backup of ${at} was restored, and this may have been answered after that: look at the conversation, then retry or settle it`;
  const [running = null] = ids("SELECT id FROM turns WHERE state = 'running' ORDER BY id");
  // Another agent cannot be asked for it.
  const settling = isOtherAgent ? null : running;
  const parked = ids(`SELECT id FROM turns WHERE state IN (${isOtherAgent ? "'running', " : ''}'queued', 'waiting') ORDER BY id`);
  park(store, parked, reason, now);
  store
    .prepare(
      `UPDATE attempts SET outcome = 'unknown', reason = ?, over_at = ? WHERE over_at IS NULL AND turn_id IN (SELECT id FROM turns WHERE state = 'parked')`,
    )
    .run(reason, now);
  const uncertain = store
    .prepare("UPDATE parts SET state = 'uncertain', reason = ?, settled_at = ? WHERE state IN ('queued', 'waiting', 'sending')")
    .run(`a backup of ${at} was restored, and this may have been handed over after that`, now).changes;
  writeFact(store, 'database_id', crypto.randomUUID());
  // Whose block is attached now, and what the agent said since, the copy cannot know.
  writeFact(store, 'attached_block', null);
  writeFact(store, 'attached_unknown', 'restored');
  if (isOtherAgent) writeFact(store, 'newest_message_id', null);
  writeFact(store, 'withheld_turn', settling === null ? null : String(settling));
  writeFact(store, 'restored_until', isOtherAgent ? null : String(request.aliveUntil));
  skipNumbers(store, request.newestSpooled);
  return { isFollowed: false, parked, uncertain, settling, carried: 0 };
}

/** A reply in the spool is named after its turn: none of the names that may lie there is used again. */
function skipNumbers(store: Store, newest: number): void {
  const { changes } = store.prepare("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'turns'").run(newest);
  if (changes === 0) store.prepare("INSERT INTO sqlite_sequence (name, seq) VALUES ('turns', ?)").run(newest);
}
