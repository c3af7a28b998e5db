/**
 * A mark that an agent's database may be damaged. Reading all of it at each start would cost seconds, so whoever
 * stumbles over it leaves the mark and ends, and the next start looks (open-sound.ts).
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { storageFault } from '../open.ts';

export function isInDoubt(folder: string): boolean {
  return existsSync(markOf(folder));
}

/** False when the error speaks of something else than what is in the database. */
export function putInDoubt(folder: string, error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code !== 'string' || !code.startsWith('SQLITE_') || storageFault(error) !== null) return false;
  try {
    writeFileSync(markOf(folder), `${code}: ${String(message)}\n`, { mode: 0o600 });
  } catch {
    // No room for it: the next process stumbles too, and may have some.
  }
  return true;
}

export function describeDoubt(error: unknown): string {
  return `animus.db may be damaged (${(error as Error).message})`;
}

export function clearDoubt(folder: string): void {
  rmSync(markOf(folder), { force: true });
}

function markOf(folder: string): string {
  return join(folder, 'run', 'database-in-doubt');
}
