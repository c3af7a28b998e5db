/**
 * One supervisor per home: `run/lock` is an SQLite file in an EXCLUSIVE transaction for as long as the
 * supervisor lives. The kernel frees it at any death, and a reused pid means nothing to it.
 */
import DatabaseConstructor from 'better-sqlite3';

export type HomeLock = { release(): void };

/** Null when another supervisor holds it. */
export function takeHomeLock(file: string): HomeLock | null {
  const db = new DatabaseConstructor(file, { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
    return { release: () => void db.close() };
  } catch (error) {
    db.close();
    if (error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY') return null;
    throw error;
  }
}

/** Whether a supervisor has this home now. */
export function isHomeLocked(file: string): boolean {
  const lock = takeHomeLock(file);
  lock?.release();
  return lock === null;
}
