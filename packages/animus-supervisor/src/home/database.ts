/**
 * An agent's database as an update handles it: whole, and never the live file by hand. What it holds is its
 * Broca's business; here it is copied, looked at and put back.
 */
import fs from 'node:fs';
import path from 'node:path';
import DatabaseConstructor from 'better-sqlite3';
import { FILE_MODE } from './modes.ts';
import { syncPath } from './sync.ts';

/** A Broca's commit is over within this time. */
const BUSY_TIMEOUT_MS = 5_000;

/**
 * A consistent copy, also while a Broca writes (`VACUUM INTO` sees one moment and holds nobody up), on the disk when
 * this returns. Throws what SQLite or the system says; a half-written copy is not left.
 */
export function copyDatabase(from: string, to: string): void {
  const db = new DatabaseConstructor(from, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  try {
    db.prepare('VACUUM INTO ?').run(to);
  } catch (error) {
    fs.rmSync(to, { force: true });
    throw error;
  } finally {
    db.close();
  }
  fs.chmodSync(to, FILE_MODE);
  syncPath(to);
  syncPath(path.dirname(to));
}

/**
 * Copies a database that nobody has open, of which the caller is sure by a lock. Its WAL is written into it first. The
 * copying holds up no event loop. Throws when somebody has it open after all.
 */
export async function copyClosedDatabase(from: string, to: string): Promise<void> {
  const db = new DatabaseConstructor(from, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
  if ((fs.statSync(`${from}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) throw new Error(`${from} is in use by another program`);
  await fs.promises.copyFile(from, to, fs.constants.COPYFILE_FICLONE);
  await fs.promises.chmod(to, FILE_MODE);
  const file = await fs.promises.open(to, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  syncPath(path.dirname(to));
}

/** PRAGMA user_version: the number of its newest migration. */
export function readSchemaVersion(file: string): number {
  return read(file, (db) => Number(db.pragma('user_version', { simple: true })));
}

/** What SQLite finds wrong with it, or null. */
export function findDamage(file: string): string | null {
  const found = read(file, (db) => db.pragma('integrity_check(5)', { simple: false }) as { integrity_check: string }[]);
  const faults = found.map((row) => row.integrity_check).filter((text) => text !== 'ok');
  return faults.length === 0 ? null : faults.join('; ');
}

/**
 * Puts `kept` in the place of the database, in one rename. The caller holds the folder's lock, so nobody has it open.
 * What lies in the old one's WAL goes with the old one.
 */
export function replaceDatabase(file: string, kept: string): void {
  for (const suffix of ['-wal', '-shm']) fs.rmSync(file + suffix, { force: true });
  syncPath(path.dirname(file));
  fs.renameSync(kept, file);
  syncPath(path.dirname(file));
}

/**
 * The tables that hold something else in `a` than in `b`, as far as both have them, compared row by row over the
 * columns that both have. A migration that only adds makes no difference; what it writes about itself is in `facts`.
 */
export function findChangedTables(a: string, b: string): string[] {
  const db = new DatabaseConstructor(a, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  try {
    db.prepare('ATTACH ? AS other').run(b);
    const tablesOf = (schema: string): string[] =>
      db.prepare<[], string>(`SELECT name FROM ${schema}.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`).pluck().all();
    const others = new Set(tablesOf('other'));
    return tablesOf('main').filter((table) => table !== 'facts' && others.has(table) && differs(db, quoted(table)));
  } finally {
    db.close();
  }
}

type Db = DatabaseConstructor.Database;

function differs(db: Db, table: string): boolean {
  const columnsOf = (schema: string): string[] =>
    (db.pragma(`${schema}.table_info(${table})`) as { name: string }[]).map(({ name }) => quoted(name));
  const others = new Set(columnsOf('other'));
  const columns = columnsOf('main')
    .filter((name) => others.has(name))
    .join(', ');
  if (columns === '') return false;
  const counted = db.prepare(
    `SELECT (SELECT count(*) FROM main.${table}) - (SELECT count(*) FROM other.${table}) AS more,
      EXISTS (SELECT ${columns} FROM main.${table} EXCEPT SELECT ${columns} FROM other.${table}) AS changed`,
  );
  const { more, changed } = counted.get() as { more: number; changed: number };
  return more !== 0 || changed !== 0;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function read<T>(file: string, use: (db: Db) => T): T {
  const db = new DatabaseConstructor(file, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  try {
    return use(db);
  } finally {
    db.close();
  }
}
