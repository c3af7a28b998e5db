/**
 * Puts a new database in the place of a damaged one, with all that could be read of it. The damaged file stays
 * beside it, untouched. What was open is not taken up by itself (../restore/fence.ts): pages of different times may
 * have come together, and what reads as waiting may have been answered.
 *
 *     fold the WAL → salvage into animus.db.mending, fence → link aside → rename in
 *
 * Whatever ends in between, the next start finds the damaged one in its place and begins again.
 */
import { existsSync, linkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { failed, ok, type Result, SET_ASIDE } from 'animus-protocol';
import DatabaseConstructor from 'better-sqlite3';
import { newestSpooled } from '../../channel/newest-spooled.ts';
import { syncPath } from '../../sync.ts';
import { migrate } from '../migrate.ts';
import { fence } from '../restore/fence.ts';
import { type Salvaged, salvage } from './salvage.ts';

export type DamagedDatabase = {
  folder: string;
  file: string;
  /** What was found. */
  reason: string;
  /** When it was last written (ms): what came until then it may have answered. */
  writtenAt: number;
  now: number;
};

export type Replaced = Salvaged & {
  reason: string;
  /** Name of the damaged file, in the same folder. */
  aside: string;
  /** Turns that wait for a person now. */
  parked: number;
  /** Parts of replies of which nobody knows whether they arrived. */
  uncertain: number;
};

const TOLD = {
  turn: 'the database was damaged, and this may have been answered all the same: look at the conversation, then retry or settle it',
  part: 'the database was damaged, and this may have been handed over all the same',
};

export async function replaceDamaged(damaged: DamagedDatabase): Promise<Result<Replaced, string>> {
  const { folder, file, reason, now } = damaged;
  const staged = `${file}.mending`;
  const aside = SET_ASIDE + new Date(now).toISOString().replaceAll(':', '');
  try {
    foldWal(file);
    removeDatabase(staged);
    const saved = begin(damaged, staged);
    await syncPath(staged);
    linkSync(file, `${folder}/${aside}`);
    // Beside a new database they would be taken for its own. There are none when the WAL could be folded.
    for (const suffix of ['-wal', '-shm']) if (existsSync(file + suffix)) renameSync(file + suffix, `${folder}/${aside}${suffix}`);
    renameSync(staged, file);
    await syncPath(folder);
    return ok({ ...saved, reason, aside });
  } catch (error) {
    return failed(`it is damaged (${reason}), and what can be read of it could not be taken along: ${(error as Error).message}`);
  } finally {
    removeDatabase(staged);
  }
}

function begin({ folder, file, writtenAt, now }: DamagedDatabase, staged: string): Salvaged & { parked: number; uncertain: number } {
  // Made here, so that it never had another mode.
  writeFileSync(staged, '', { mode: 0o600, flag: 'wx' });
  const store = new DatabaseConstructor(staged);
  try {
    // Synced as a whole before it is used.
    store.pragma('synchronous = OFF');
    store.pragma('foreign_keys = ON');
    const migrated = migrate(store);
    if (!migrated.ok) throw new Error(`an empty database could not be prepared: ${migrated.error.kind}`);
    return store
      .transaction(() => {
        const salvaged = salvage(file, store, now);
        const wall = { isOtherAgent: false, aliveUntil: writtenAt, newestSpooled: newestSpooled(folder), now, told: TOLD };
        const { uncertain } = fence(store, wall);
        const parked = store.prepare<[], number>("SELECT count(*) FROM turns WHERE state = 'parked'").pluck().get() ?? 0;
        return { ...salvaged, parked, uncertain };
      })
      .immediate();
  } finally {
    store.close();
  }
}

/** So that one file is all of it. It copies pages and reads none, so it works on most of what is damaged. */
function foldWal(file: string): void {
  try {
    const db = new DatabaseConstructor(file, { fileMustExist: true });
    try {
      db.pragma('wal_checkpoint(TRUNCATE)');
    } finally {
      db.close();
    }
  } catch {
    // It goes aside with it.
  }
}

function removeDatabase(file: string): void {
  for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(file + suffix, { force: true });
}
