/** Single values the database remembers. */
import type { Database } from 'better-sqlite3';

type FactKey =
  /** Names this database in the keys of its users at Letta, and tells a restore whether two databases are one. */
  | 'database_id'
  /** Block that is or may be attached to the agent right now; detached before another user's turn. */
  | 'attached_block'
  /** Set when any user's block may be attached: another program ran this agent before. */
  | 'attached_unknown'
  /** Channels Broca last ran with, as JSON: name → longest part. */
  | 'channels'
  /** `<turn>:<attempt>:<since, ms>`: the attempt whose fate cannot be found out, and since when. */
  | 'in_doubt'
  /** Newest message of the agent that is known. */
  | 'newest_message_id'
  /**
   * Set by a restore (store/restore/): messages written until then (ms), and offered again, may have been answered by the
   * database that is gone.
   */
  | 'restored_until'
  /** Turn whose reply may have been handed over before a restore: what becomes of it is recorded, and not sent by itself. */
  | 'withheld_turn'
  /** `<schema>:<oldest schema whose Broca works with it>`, written with each migration. */
  | 'schema_works_from';

export function readFact(store: Database, key: FactKey): string | null {
  return (store.prepare<[string], string>('SELECT value FROM facts WHERE key = ?').pluck().get(key) as string | undefined) ?? null;
}

/** Inside the caller's transaction, where there is one. */
export function writeFact(store: Database, key: FactKey, value: string | null): void {
  if (value === null) store.prepare('DELETE FROM facts WHERE key = ?').run(key);
  else store.prepare('INSERT INTO facts (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value').run(key, value);
}

/** It has one from its first migration on. */
export function databaseId(store: Database): string {
  const known = readFact(store, 'database_id');
  if (known !== null) return known;
  const id = crypto.randomUUID();
  writeFact(store, 'database_id', id);
  return id;
}
