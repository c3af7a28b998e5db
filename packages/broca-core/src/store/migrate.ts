/**
 * Numbered migrations, append-only: a released one is never edited (migrate.test.ts holds each to its
 * checksum). PRAGMA user_version is the number of the newest one applied.
 */

import { failed, ok, type Result } from 'animus-protocol';
import type { Database } from 'better-sqlite3';
import { databaseId, readFact, writeFact } from './facts.ts';
import type { Migration } from './migration.ts';
import { initial } from './migrations/0001-initial.ts';
import { channelState } from './migrations/0002-channel-state.ts';

export const MIGRATIONS: readonly Migration[] = [initial, channelState];

/** Our mark in the database's header (PRAGMA application_id): "Brca". */
const APPLICATION_ID = 0x42726361;

export type MigrationFault =
  | { kind: 'newer'; found: number; known: number }
  /** It is an SQLite database, but another program's. */
  | { kind: 'foreign'; tables: string[] };

/**
 * Brings a database to the newest schema, or says why it must not be touched. One that a newer Broca migrated is
 * worked with as it is, where that Broca said that it may be.
 */
export function migrate(db: Database, migrations: readonly Migration[] = MIGRATIONS): Result<{ from: number; to: number }, MigrationFault> {
  const from = db.pragma('user_version', { simple: true }) as number;
  const newest = migrations.at(-1)?.version ?? 0;
  const tables = findForeignTables(db);
  if (tables.length > 0) return failed({ kind: 'foreign', tables });
  if (from > newest && worksFrom(db, from) <= newest) return ok({ from, to: from });
  if (from > newest) return failed({ kind: 'newer', found: from, known: newest });
  if (from === newest) return ok({ from, to: newest });
  db.transaction(() => {
    db.pragma(`application_id = ${APPLICATION_ID}`);
    for (const migration of migrations.filter(({ version }) => version > from)) {
      db.exec(migration.sql);
      db.pragma(`user_version = ${migration.version}`);
      writeFact(db, 'schema_works_from', `${migration.version}:${migration.worksFrom}`);
    }
    databaseId(db);
  }).immediate();
  return ok({ from, to: newest });
}

/** The tables of another program's database; none when it is ours, or new. Reads only. */
export function findForeignTables(db: Database): string[] {
  if (db.pragma('application_id', { simple: true }) === APPLICATION_ID) return [];
  return db.prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").pluck().all();
}

/** The oldest schema whose Broca works with a database of schema `version`: that one itself unless it says otherwise. */
function worksFrom(db: Database, version: number): number {
  const [written, oldest] = (readFact(db, 'schema_works_from') ?? '').split(':').map(Number);
  return written === version && oldest !== undefined ? oldest : version;
}
