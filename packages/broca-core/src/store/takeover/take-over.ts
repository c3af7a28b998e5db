/**
 * Takes over the database of a Python Broca: what it knew goes into a database of ours, and Broca goes on
 * where the other was.
 *
 *     find → lock → back up, compare → copy into animus.db.taking-over, count → close → rename in
 *
 * The old file is in its place until the rename, the new one complete before it: whatever ends in
 * between, one of the two is there whole, and the next start begins again. The caller holds the folder's lock.
 */
import { chmodSync, existsSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { failed, ok, type Result } from 'animus-protocol';
import DatabaseConstructor, { type Database } from 'better-sqlite3';
import { syncPath } from '../../sync.ts';
import { migrate } from '../migrate.ts';
import { isDamage } from '../open.ts';
import { type Copied, copyOriginal } from './copy.ts';
import { describeDamage, type FoundOriginal, findOriginal, isBusy } from './find-original.ts';
import { otherTables } from './original.ts';
import { findOtherProgram } from './other-programs.ts';

export type TakeOverRequest = {
  folder: string;
  now: number;
  /** DB_PATH of `.env`, where the original was told to keep its database. */
  named: string | null;
  /** Only try it out: everything up to the comparison, and nothing is left of it. */
  isTrial?: boolean;
  /** Told while it goes on, in words. */
  progress?: (words: string) => void;
  /** Told after each step that lasts; a test ends the process there. */
  reached?: (step: TakeOverStep) => void;
};

export const TAKE_OVER_STEPS = ['locked', 'backing-up', 'backed-up', 'copying', 'copied', 'cleared', 'renamed', 'done'] as const;
export type TakeOverStep = (typeof TAKE_OVER_STEPS)[number];

export type TakenOver = Omit<Copied, 'sums'> & {
  from: string;
  /** Null after a trial. */
  backup: string | null;
  /** What a person should know, in words. */
  notes: string[];
};

/** `isLasting`: trying again without a person's help changes nothing. */
export type TakeOverFault = { reason: string; isLasting: boolean };

/** A Python Broca that writes just now is done within this time. */
const LOCK_WAIT_MS = 2_000;

/** Null: there is no Python Broca's database here. */
export async function takeOver(request: TakeOverRequest): Promise<Result<TakenOver | null, TakeOverFault>> {
  const { folder, named } = request;
  const found = findOriginal(folder, named, LOCK_WAIT_MS);
  if (!found.ok) return lasting(found.error);
  if (found.value === null) return ok(null);
  try {
    return await new TakeOver(request, found.value).run();
  } catch (error) {
    const { file } = found.value;
    if (isBusy(error)) return inUse(file, folder);
    if (isDamage(error)) return lasting(describeDamage(file, (error as Error).message));
    if (!(error instanceof Error && 'code' in error)) throw error;
    return failed({ reason: `${file} could not be taken over (${error.code}: ${error.message}); it is as it was`, isLasting: false });
  }
}

class TakeOver {
  #request: TakeOverRequest;
  #found: FoundOriginal;
  #stamp: string;
  #target: string;
  #staged: string;
  #reached: (step: TakeOverStep) => void;

  constructor(request: TakeOverRequest, found: FoundOriginal) {
    this.#request = request;
    this.#found = found;
    this.#stamp = new Date(request.now).toISOString().replaceAll(':', '');
    this.#target = join(request.folder, 'animus.db');
    this.#staged = `${this.#target}.taking-over`;
    this.#reached = request.reached ?? (() => undefined);
  }

  async run(): Promise<Result<TakenOver | null, TakeOverFault>> {
    const { file } = this.#found;
    const { folder, isTrial } = this.#request;
    if (findOtherProgram(file, folder) !== null) return inUse(file, folder);
    leaveWal(file);
    const original = lockOriginal(file);
    try {
      this.#reached('locked');
      this.#tell('');
      this.#sweep();
      const [damage = 'ok'] = original.prepare<[], string>('PRAGMA quick_check(1)').pluck().all();
      if (damage !== 'ok') return lasting(describeDamage(file, damage.replaceAll(/\s+/g, ' ')));
      const backup = isTrial === true ? ok(null) : await this.#backUp(original);
      const copied = backup.ok ? await this.#copy(original) : backup;
      if (!copied.ok || !backup.ok) return lasting(`${file} is left as it was: ${copied.ok ? '' : copied.error}`);
      const { sums, ...counts } = copied.value;
      const taken = { ...counts, from: file, backup: backup.value, notes: notesOf(original, copied.value) };
      if (backup.value !== null) {
        // Whoever opened it meanwhile waits for our lock, and would go on writing into the old file.
        if (findOtherProgram(file, folder) !== null) return inUse(file, folder);
        await this.#swap(backup.value);
      }
      return ok(taken);
    } finally {
      if (original.open) original.close();
      removeDatabase(this.#staged);
    }
  }

  #tell(more: string): void {
    this.#request.progress?.(`takes over the Python Broca's database${more}`);
  }

  /** What an earlier try left when it was killed. Whole backups stay. */
  #sweep(): void {
    removeDatabase(this.#staged);
    for (const name of readdirSync(this.#request.folder)) {
      if (/\.python-.*\.part$/.test(name)) rmSync(join(this.#request.folder, name));
    }
  }

  /** A copy that was compared row by row; one of an earlier try serves when nothing changed since. */
  async #backUp(original: Database): Promise<Result<string, string>> {
    const { folder } = this.#request;
    const prefix = `${basename(this.#found.file)}.python-`;
    const former = readdirSync(folder)
      .filter((name) => name.startsWith(prefix))
      .sort()
      .map((name) => join(folder, name));
    const usable = former.findLast((file) => isSame(original, file));
    if (usable !== undefined) return ok(usable);
    const backup = join(folder, prefix + this.#stamp);
    const part = `${backup}.part`;
    // Made here, so that it never had another mode.
    writeFileSync(part, '', { mode: 0o600, flag: 'wx' });
    original.prepare('VACUUM INTO ?').run(part);
    chmodSync(part, 0o600);
    this.#reached('backing-up');
    if (!isSame(original, part)) return failed(`its backup ${part} is not the same`);
    await syncPath(part);
    renameSync(part, backup);
    await syncPath(folder);
    this.#reached('backed-up');
    return ok(backup);
  }

  async #copy(original: Database): Promise<Result<Copied, string>> {
    writeFileSync(this.#staged, '', { mode: 0o600, flag: 'wx' });
    const db = new DatabaseConstructor(this.#staged);
    try {
      // Synced as a whole before it is used; until then it may be begun anew.
      db.pragma('synchronous = OFF');
      db.pragma('foreign_keys = ON');
      const migrated = migrate(db);
      if (!migrated.ok) throw new Error(`an empty database could not be prepared: ${migrated.error.kind}`);
      this.#reached('copying');
      const progress = (done: number, of: number): void => this.#tell(`: ${done} of ${of} messages so far`);
      return await copyOriginal(original, db, { now: this.#request.now, progress });
    } finally {
      db.close();
    }
  }

  /** Both databases are at rest: the new one closed, the old one locked by us and without a journal that counts. */
  async #swap(backup: string): Promise<void> {
    const { folder } = this.#request;
    await syncPath(this.#staged);
    this.#reached('copied');
    const { file, emptyInTheWay } = this.#found;
    if (emptyInTheWay !== null) renameSync(emptyInTheWay, `${emptyInTheWay}.python-empty-${this.#stamp}`);
    // Beside a new database an old log or journal would be taken for its own.
    for (const suffix of ['-wal', '-shm', '-journal']) {
      if (!existsSync(this.#target + suffix)) continue;
      if (file === this.#target) rmSync(this.#target + suffix);
      else renameSync(this.#target + suffix, `${this.#target}.stray-${this.#stamp}${suffix}`);
    }
    this.#reached('cleared');
    renameSync(this.#staged, this.#target);
    await syncPath(folder);
    this.#reached('renamed');
    // One under another name stays as the backup itself, so that it is not taken for a database in use again.
    if (file !== this.#target && dirname(file) === folder) renameSync(file, backup);
    this.#reached('done');
  }
}

/** Leaves WAL, so that all is in the one file. Fails as busy while anybody else has the database open. */
function leaveWal(file: string): void {
  const db = new DatabaseConstructor(file, { fileMustExist: true, timeout: LOCK_WAIT_MS });
  try {
    if (db.pragma('journal_mode', { simple: true }) === 'wal') db.pragma('journal_mode = DELETE');
  } finally {
    db.close();
  }
}

/** Nobody else can read or write until it is closed. A transaction that a crash left half done is undone by this. */
function lockOriginal(file: string): Database {
  const db = new DatabaseConstructor(file, { fileMustExist: true, timeout: LOCK_WAIT_MS });
  try {
    db.pragma('locking_mode = EXCLUSIVE');
    db.exec('BEGIN EXCLUSIVE; COMMIT');
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function isSame(original: Database, file: string): boolean {
  try {
    original.prepare('ATTACH ? AS copy').run(file);
  } catch {
    return false;
  }
  try {
    const tables = original.prepare<[], string>("SELECT name FROM main.sqlite_schema WHERE type = 'table'").pluck().all();
    return tables.every((table) => {
      const name = `"${table.replaceAll('"', '""')}"`;
      const differing = original.prepare<[], number>(
        `SELECT (SELECT count(*) FROM main.${name}) <> (SELECT count(*) FROM copy.${name})
           OR EXISTS (SELECT * FROM main.${name} EXCEPT SELECT * FROM copy.${name})
           OR EXISTS (SELECT * FROM copy.${name} EXCEPT SELECT * FROM main.${name})`,
      );
      return differing.pluck().get() === 0;
    });
  } catch {
    return false;
  } finally {
    original.exec('DETACH copy');
  }
}

function notesOf(original: Database, { unreadTimes }: Copied): string[] {
  const count = (sql: string): number => original.prepare<[], number>(sql).pluck().get() ?? 0;
  const has = (table: string, column: string): boolean =>
    count(`SELECT count(*) FROM pragma_table_info('${table}') WHERE name = '${column}'`) > 0;
  const notes: string[] = [];
  if (unreadTimes > 0) notes.push(`${unreadTimes} times could not be read; others nearby stand in for them`);
  const unused = [
    ['letta_users', 'agent_preferences'],
    ['letta_users', 'custom_instructions'],
    ['platform_profiles', 'metadata'],
  ] as const;
  for (const [table, column] of unused) {
    const filled = has(table, column)
      ? count(`SELECT count(*) FROM ${table} WHERE coalesce("${column}", '') NOT IN ('', '{}', 'null')`)
      : 0;
    if (filled > 0) notes.push(`${filled} ${table}.${column} have no place here; they are in the backup`);
  }
  const lost = count('SELECT count(*) FROM queue WHERE message_id IS NULL OR message_id NOT IN (SELECT id FROM messages)');
  if (lost > 0) notes.push(`${lost} queue rows have no message and are only in the backup`);
  const tables = otherTables(original);
  if (tables.length > 0) notes.push(`the tables ${tables.join(', ')} are only in the backup`);
  return notes;
}

function lasting(reason: string): Result<never, TakeOverFault> {
  return failed({ reason, isLasting: true });
}

function inUse(file: string, folder: string): Result<never, TakeOverFault> {
  const other = findOtherProgram(file, folder);
  const who = other === null ? 'another program' : `pid ${other.pid} (${other.command})`;
  return failed({
    reason: `${file} is still in use by ${who}: stop it, and keep it from starting again (systemd, pm2, cron); then this Broca takes the database over`,
    isLasting: false,
  });
}

function removeDatabase(file: string): void {
  for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(file + suffix, { force: true });
}
