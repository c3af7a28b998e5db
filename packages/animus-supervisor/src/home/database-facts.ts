/** What SQLite says of a database that nobody has open, and its WAL folded into it. */
import fs from 'node:fs';
import DatabaseConstructor from 'better-sqlite3';

/** Only a database that is not in WAL mode (a Python Broca's) makes a reader wait. */
const BUSY_TIMEOUT_MS = 5_000;
/** "Brca": the mark of a Broca's database (PRAGMA application_id). */
const APPLICATION_ID = 0x42726361;

export type DatabaseFacts = {
  /** PRAGMA user_version: number of its newest migration. */
  schema: number;
  /** What is wrong with it: empty when nothing is. */
  faults: string[];
  /** Turns in it, and how many of them are not settled; null when it cannot be read. */
  turns: number | null;
  open: number | null;
};

/** Reads all of it: integrity and references. The file belongs to nobody else. */
export function examineDatabase(file: string): DatabaseFacts {
  let db: DatabaseConstructor.Database | null = null;
  try {
    db = new DatabaseConstructor(file, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
    const faults = db
      .prepare<[], string>('PRAGMA integrity_check(5)')
      .pluck()
      .all()
      .filter((line) => line !== 'ok');
    const orphans = db.prepare('PRAGMA foreign_key_check').all().length;
    if (orphans > 0) faults.push(`${orphans} rows refer to rows that are not there`);
    if (db.pragma('application_id', { simple: true }) !== APPLICATION_ID) faults.push("it is not a Broca's database");
    const count = (where: string): number => db?.prepare<[], number>(`SELECT count(*) FROM turns ${where}`).pluck().get() ?? 0;
    const schema = Number(db.pragma('user_version', { simple: true }));
    if (faults.length > 0) return { schema, faults, turns: null, open: null };
    return { schema, faults, turns: count(''), open: count("WHERE state <> 'settled'") };
  } catch (error) {
    return { schema: 0, faults: [error instanceof Error ? error.message : String(error)], turns: null, open: null };
  } finally {
    db?.close();
  }
}

/** Writes what lies in the WAL into the database, so that the one file is all of it. A damaged one is kept as it is. */
export function foldDatabase(file: string): void {
  if (!fs.existsSync(file)) return;
  try {
    const db = new DatabaseConstructor(file, { fileMustExist: true, timeout: 0 });
    try {
      db.pragma('wal_checkpoint(TRUNCATE)');
    } finally {
      db.close();
    }
  } catch {
    // Its -wal is moved with it: nothing is lost.
  }
}
