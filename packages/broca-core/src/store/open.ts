/** Opens an agent's database as every program of ours must: WAL, each commit on the disk, short waits. */
import { failed, ok, type Result } from 'animus-protocol';
import DatabaseConstructor, { type Database, type Statement } from 'better-sqlite3';
import { findForeignTables, type MigrationFault, migrate } from './migrate.ts';

export type Store = Database;
export type { Statement };

/** A busy wait blocks the event loop, so it is short; only a CLI's backup or copy ever holds the database. */
const BUSY_TIMEOUT_MS = 250;

/** Tables of the original Broca, whose database is taken over at a start (takeover/). */
const ORIGINAL_TABLES = ['letta_users', 'platform_profiles', 'messages', 'queue'];

/** `damaged`: the Broca that runs the agent replaces it (damage/); nobody else touches it. */
export type OpenFault = MigrationFault | { kind: 'damaged' | 'unusable'; reason: string } | { kind: 'read-only' };

export function describeOpenFault(file: string, fault: OpenFault): string {
  switch (fault.kind) {
    case 'newer':
      return `${file} was written by a newer Broca (schema ${fault.found}, this one knows ${fault.known}): update this agent's Broca, or restore an older backup`;
    case 'foreign':
      if (ORIGINAL_TABLES.every((table) => fault.tables.includes(table))) {
        return `${file} is a Python Broca's database: start this agent once, and its Broca takes it over (animus start, or broca run)`;
      }
      return `${file} belongs to another program (tables ${fault.tables.slice(0, 5).join(', ')}): move it away, or give this agent another folder`;
    case 'damaged':
      return `${file} is damaged (${fault.reason}): start the agent (animus start, or broca run), and its Broca sets it aside and takes along what can be read; or bring a backup back (animus restore)`;
    case 'read-only':
      return `${file} is read-only, so no message can be stored: let its owner write it again (chmod, chattr, or mount for its file system); Broca starts once that is done`;
    case 'unusable':
      return `${file} cannot be opened: ${fault.reason}`;
  }
}

/** Opens and migrates `file`, creating it where there is none. The caller holds the folder's lock. */
export function openStore(file: string): Result<Store, OpenFault> {
  let store: Store | null = null;
  try {
    store = new DatabaseConstructor(file, { timeout: BUSY_TIMEOUT_MS });
    // Another program's is looked at and not touched: even a change of its journal mode would be one.
    const tables = findForeignTables(store);
    if (tables.length > 0) {
      store.close();
      return failed({ kind: 'foreign', tables });
    }
    store.pragma('journal_mode = WAL');
    // WAL connections default to NORMAL, which may lose the newest commits when the machine loses power.
    store.pragma('synchronous = FULL');
    store.pragma('foreign_keys = ON');
    const migrated = migrate(store);
    if (!migrated.ok) {
      store.close();
      return migrated;
    }
    return ok(store);
  } catch (error) {
    store?.close();
    if (isReadOnly(error)) return failed({ kind: 'read-only' });
    return failed({ kind: isDamage(error) ? 'damaged' : 'unusable', reason: (error as Error).message });
  }
}

/**
 * SQLite opens a file that may not be written for reading, and keeps it so when it may be written again: such a
 * connection serves a command that looks, and no Broca. BEGIN IMMEDIATE lets it pass; a write that changes nothing does not.
 */
export function canWrite(store: Store): boolean {
  try {
    store.prepare('DELETE FROM facts WHERE 0').run();
    return true;
  } catch (error) {
    // Of a full disk or a busy database whoever writes hears, and tries again.
    if (!isReadOnly(error) && storageFault(error) === null) throw error;
    return !isReadOnly(error);
  }
}

function isReadOnly(error: unknown): boolean {
  return (error as { code?: string }).code?.startsWith('SQLITE_READONLY') === true;
}

/** What the database says of itself: a page that makes no sense, or no database at all. */
export function isDamage(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code?.startsWith('SQLITE_CORRUPT') === true || code === 'SQLITE_NOTADB';
}

/** No room: for data, or (SHMSIZE) for the memory that connections share. */
export function isFull(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === 'SQLITE_FULL' || code === 'SQLITE_IOERR_SHMSIZE';
}

/** What a write may fail with though nothing is wrong with us; the message is fit for health. */
export function storageFault(error: unknown): string | null {
  const { code } = error as { code?: string };
  if (code === undefined || !code.startsWith('SQLITE_')) return null;
  if (isFull(error)) return 'the disk is full';
  if (isReadOnly(error)) return 'the database is read-only';
  if (code.startsWith('SQLITE_IOERR')) return `the disk fails (${code})`;
  if (code.startsWith('SQLITE_BUSY')) return 'the database is busy';
  return null;
}
