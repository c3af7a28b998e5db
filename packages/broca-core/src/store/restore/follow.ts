/**
 * A copy, and the database that went on from it (attached as `present`): each number means the same in both, so what
 * became of a turn is taken from there, row by row. Only what a person flushed comes back as it was in the copy.
 */
import { readFact, writeFact } from '../facts.ts';
import type { Store } from '../open.ts';
import { columnsOf, park, promoteForemost, unfinishedTurns } from './open-rows.ts';
import type { RestoreReport } from './request.ts';

const DELETED = 'this turn was deleted after the restored backup was taken: retry it if it is to be answered, or delete it again';

export function followPresent(store: Store, now: number): RestoreReport {
  const ids = (sql: string): number[] => store.prepare<[], number>(sql).pluck().all();
  const before = new Set(ids('SELECT id FROM main.turns'));
  takePeople(store);
  const unfinished = new Set([...ids(unfinishedTurns('main')), ...ids(unfinishedTurns('present'))]);
  const flushed = new Set(
    ids(`SELECT mine.id FROM main.turns AS mine JOIN present.turns AS theirs USING (id)
         WHERE theirs.outcome = 'flushed' AND mine.state IN ('queued', 'waiting')`),
  );
  const known = new Set(ids('SELECT id FROM present.turns'));
  const deleted: number[] = [];
  let carried = 0;
  for (const id of [...unfinished].sort((a, b) => a - b)) {
    if (flushed.has(id)) continue;
    if (!known.has(id)) deleted.push(id);
    else {
      takeTurn(store, id);
      if (!before.has(id)) carried += 1;
    }
  }
  const parked = ids("SELECT id FROM turns WHERE state IN ('queued', 'waiting', 'running')").filter((id) => deleted.includes(id));
  park(store, parked, DELETED, now);
  closeAttempts(store, parked, now);
  promoteForemost(store);
  takeFacts(store);
  // Where each channel stands on its platform: from an older place it would be offered everything again.
  store.exec('INSERT OR REPLACE INTO main.channel_state (channel, key, value) SELECT channel, key, value FROM present.channel_state');
  return { isFollowed: true, parked, uncertain: 0, settling: null, carried };
}

/** People, conversations and tombstones: nobody comes in twice, and a block at Letta keeps its owner. */
function takePeople(store: Store): void {
  const users = columnsOf(store, 'users').join(', ');
  store.exec(`INSERT INTO main.users (${users}) SELECT ${users} FROM present.users WHERE true ON CONFLICT (id) DO UPDATE SET
    identity_id = excluded.identity_id, block_id = excluded.block_id, last_active_at = max(last_active_at, excluded.last_active_at)`);
  for (const table of ['profiles', 'conversations', 'seen', 'outbounds']) {
    const columns = columnsOf(store, table).join(', ');
    store.exec(`INSERT OR IGNORE INTO main.${table} (${columns}) SELECT ${columns} FROM present.${table}`);
  }
}

function takeTurn(store: Store, id: number): void {
  store.prepare('DELETE FROM main.turns WHERE id = ?').run(id);
  for (const table of ['turns', 'inbounds', 'attempts', 'parts']) {
    const columns = columnsOf(store, table).join(', ');
    const key = table === 'turns' ? 'id' : 'turn_id';
    store.prepare(`INSERT INTO main.${table} (${columns}) SELECT ${columns} FROM present.${table} WHERE ${key} = ?`).run(id);
  }
}

function closeAttempts(store: Store, turns: readonly number[], now: number): void {
  const close = store.prepare("UPDATE attempts SET outcome = 'unknown', reason = ?, over_at = ? WHERE turn_id = ? AND over_at IS NULL");
  for (const turn of turns) close.run(DELETED, now, turn);
}

/** What is true of Letta now, and the numbers that are used up. */
function takeFacts(store: Store): void {
  const fact = store.prepare<[string], string>('SELECT value FROM present.facts WHERE key = ?').pluck();
  for (const key of ['attached_block', 'attached_unknown', 'newest_message_id', 'channels', 'restored_until', 'withheld_turn'] as const) {
    const value = fact.get(key) ?? null;
    if (value !== readFact(store, key)) writeFact(store, key, value);
  }
  store.exec(
    'UPDATE main.sqlite_sequence SET seq = max(seq, coalesce((SELECT seq FROM present.sqlite_sequence AS p WHERE p.name = main.sqlite_sequence.name), 0))',
  );
}
