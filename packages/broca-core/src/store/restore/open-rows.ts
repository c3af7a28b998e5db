/** What is not over in a database, and how it is moved and set aside without breaking what queue and outbox rely on. */
import type { Store } from '../open.ts';

/** Turns that wait, run, are parked, or whose reply is not surely handed over. */
export function unfinishedTurns(schema: 'main' | 'present'): string {
  return `SELECT id FROM ${schema}.turns WHERE state IN ('queued', 'waiting', 'running', 'parked')
    UNION SELECT turn_id FROM ${schema}.parts WHERE state IN ('queued', 'waiting', 'sending', 'uncertain')`;
}

/** Column names of a table, for statements that copy rows between databases of one schema. */
export function columnsOf(store: Store, table: string, without: readonly string[] = []): string[] {
  const rows = store.pragma(`main.table_info(${table})`) as { name: string }[];
  return rows.map(({ name }) => name).filter((name) => !without.includes(name));
}

/** Sets turns that wait aside with a reason, until a person decides. */
export function park(store: Store, ids: readonly number[], reason: string, now: number): void {
  const statement = store.prepare(
    "UPDATE turns SET state = 'parked', outcome = NULL, reason = ?, settled_at = ? WHERE id = ? AND state IN ('queued', 'waiting', 'running')",
  );
  for (const id of ids) statement.run(reason, now, id);
}

/** Of each conversation the foremost open turn, and the foremost open part, is the one that waits. */
export function promoteForemost(store: Store): void {
  for (const [table, open] of [
    ['turns', "('queued', 'waiting', 'running')"],
    ['parts', "('queued', 'waiting', 'sending')"],
  ] as const) {
    const foremost = `(SELECT min(id) FROM ${table} AS other WHERE other.conversation_id = ${table}.conversation_id AND other.state IN ${open})`;
    store.exec(`UPDATE ${table} SET state = 'queued' WHERE state = 'waiting' AND id <> ${foremost}`);
    store.exec(`UPDATE ${table} SET state = 'waiting' WHERE state = 'queued' AND id = ${foremost}`);
  }
}

/** Numbers of a table's rows up to this one are not given again. */
export function raiseNumber(store: Store, table: string, newest: number): void {
  const { changes } = store.prepare('UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?').run(newest, table);
  if (changes === 0) store.prepare('INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)').run(table, newest);
}
