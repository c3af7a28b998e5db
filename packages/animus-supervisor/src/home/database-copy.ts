/** A copy of an agent's database, taken while its Broca goes on, and what SQLite says of one. */
import fs from 'node:fs';
import DatabaseConstructor from 'better-sqlite3';
import { FILE_MODE } from './modes.ts';

/** Only a database that is not in WAL mode (a Python Broca's) makes a reader wait. */
const BUSY_TIMEOUT_MS = 5_000;
/** "Brca": the mark of a Broca's database (PRAGMA application_id). */
const APPLICATION_ID = 0x42726361;

/**
 * Copies the state of one moment. `VACUUM INTO` reads in one transaction and hinders no writer (a plain online backup
 * starts anew at each commit and never ends under a busy one); it blocks this program, and no Broca. Throws what SQLite says.
 */
export function copyDatabase(from: string, to: string): void {
  const db = new DatabaseConstructor(from, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  try {
    // Into an empty file that is private already: SQLite would make one of mode 0644.
    fs.closeSync(fs.openSync(to, 'wx', FILE_MODE));
    db.prepare('VACUUM INTO ?').run(to);
  } catch (error) {
    fs.rmSync(to, { force: true });
    throw error;
  } finally {
    db.close();
  }
}

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

/** PRAGMA user_version. Throws what SQLite says. */
export function readSchema(file: string): number {
  const db = new DatabaseConstructor(file, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  try {
    return Number(db.pragma('user_version', { simple: true }));
  } finally {
    db.close();
  }
}
