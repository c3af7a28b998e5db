/** Finds the database of the original Broca that is to be taken over, in the places where it kept one. */
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { failed, ok, type Result } from 'animus-protocol';
import DatabaseConstructor, { type Database } from 'better-sqlite3';
import { isDamage } from '../open.ts';
import { recognise } from './original.ts';

/** The seed's name and the original's own; its clone's root is where it puts the file when nothing else is said. */
const NAMES = ['animus.db', 'sanctum.db'];

export type FoundOriginal = {
  file: string;
  /** An empty database of the original that stands where ours goes. */
  emptyInTheWay: string | null;
};

/**
 * Null: there is none. `named` is DB_PATH of `.env`. A program that waits for a lock here waits at most
 * `waitMs`; nothing is changed.
 */
export function findOriginal(folder: string, named: string | null, waitMs: number): Result<FoundOriginal | null, string> {
  const target = join(folder, 'animus.db');
  const looks = candidates(folder, named).map((file) => ({ file, look: lookAt(file, waitMs) }));
  const [first] = looks;
  if (first?.file === target && first.look.kind === 'other') return ok(null);
  for (const { file, look } of looks) if (look.kind === 'damaged') return failed(describeDamage(file, look.reason));
  const odd = looks.find(({ look }) => look.kind === 'incomplete');
  if (odd?.look.kind === 'incomplete') {
    const missing = odd.look.missing.join(', ');
    return failed(
      `${odd.file} has the tables of a Python Broca, but lacks ${missing}: start that Broca once in its newest version, so that it mends them, stop it, and try again`,
    );
  }
  const originals = looks.flatMap(({ file, look }) => (look.kind === 'original' ? [{ file, rows: look.rows }] : []));
  const full = originals.filter(({ rows }) => rows > 0);
  if (full.length > 1) {
    const files = full.map(({ file }) => file).join(' and ');
    return failed(`${files} both hold messages of a Python Broca: move away the one that is not in use, then start again`);
  }
  const chosen = full[0] ?? originals[0];
  if (chosen === undefined) return ok(null);
  const isInTheWay = chosen.file !== target && originals.some(({ file }) => file === target);
  return ok({ file: chosen.file, emptyInTheWay: isInTheWay ? target : null });
}

function candidates(folder: string, named: string | null): string[] {
  const clones = existsSync(folder) ? readdirSync(folder).filter((name) => name === 'broca' || name.startsWith('broca.python-')) : [];
  const files = ['', ...clones].flatMap((sub) => NAMES.map((name) => join(folder, sub, name)));
  if (named !== null) files.push(resolve(folder, named), resolve(folder, 'broca', named));
  const seen = new Set<string>();
  return files.filter((file) => {
    if (!existsSync(file)) return false;
    const real = realpathSync(file);
    return !seen.has(real) && seen.add(real);
  });
}

type Look =
  | { kind: 'original'; rows: number }
  | { kind: 'incomplete'; missing: string[] }
  | { kind: 'damaged'; reason: string }
  | { kind: 'other' };

function lookAt(file: string, waitMs: number): Look {
  let db: Database | null = null;
  try {
    db = new DatabaseConstructor(file, { fileMustExist: true, timeout: waitMs });
    const recognised = recognise(db);
    if (recognised.kind !== 'original') return recognised;
    const rows = db.prepare<[], number>('SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM letta_users)').pluck().get() ?? 0;
    return { kind: 'original', rows };
  } catch (error) {
    // Busy with somebody else's writing: it is a database in use, and the taking over will say whose.
    if (isBusy(error)) return { kind: 'original', rows: 1 };
    return isDamage(error) ? { kind: 'damaged', reason: (error as Error).message } : { kind: 'other' };
  } finally {
    db?.close();
  }
}

export function describeDamage(file: string, reason: string): string {
  const rescue = `sqlite3 ${file} .recover | sqlite3 NEW`;
  return `${file} is damaged (${reason}) and left as it is: put a backup in its place, or what can be read of it (${rescue}), or move it away to begin without what it holds; then try again`;
}

export function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_BUSY');
}
