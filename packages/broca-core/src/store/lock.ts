/**
 * One Broca per folder. The lock is an SQLite file held in an EXCLUSIVE transaction for as long as the
 * process lives: the kernel frees it on any death, kill -9 included, and a reused pid means nothing to it.
 */
import DatabaseConstructor from 'better-sqlite3';

export type FolderLock = { release(): void };

/** Takes the lock, or returns null when another process holds it. Waits up to `waitMs`, blocking. */
export function takeLock(file: string, waitMs: number): FolderLock | null {
  const db = new DatabaseConstructor(file, { timeout: waitMs });
  try {
    db.pragma('locking_mode = EXCLUSIVE');
    db.exec('BEGIN EXCLUSIVE');
    return { release: () => void db.close() };
  } catch (error) {
    db.close();
    if ((error as { code?: string }).code === 'SQLITE_BUSY') return null;
    throw error;
  }
}
