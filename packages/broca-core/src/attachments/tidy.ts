/** Removes files that no message refers to: their messages were removed, or were never stored. */
import { readdirSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurnOfLoop } from 'node:timers/promises';
import type { Store } from '../store/open.ts';
import { ATTACHMENTS_FOLDER, readAttachments } from './parse.ts';

/** A file is stored before its message, and a channel may be long in handing that over (a full disk). */
const YOUNG_MS = 24 * 60 * 60 * 1000;

/** Gives how many were removed. `isOver` ends it early: Broca stops. */
export async function removeUnreferencedAttachments(store: Store, folder: string, now: number, isOver: () => boolean): Promise<number> {
  const root = join(folder, ATTACHMENTS_FOLDER);
  const folders = list(root);
  if (folders.length === 0 || isOver()) return 0;
  const kept = referenced(store);
  let removed = 0;
  for (const name of folders) {
    await nextTurnOfLoop();
    if (isOver()) break;
    // Within one of them nothing is waited for: what is stored again meanwhile is young by then.
    if (name.startsWith('.')) removed += removeOld(join(root, name), now);
    else for (const file of list(join(root, name))) if (!kept.has(file)) removed += removeOld(join(root, name, file), now);
  }
  return removed;
}

function referenced(store: Store): Set<string> {
  const columns = store.prepare<[], string>("SELECT attachments FROM inbounds WHERE attachments <> '[]'").pluck().all();
  const kept = new Set<string>();
  for (const attachment of columns.flatMap(readAttachments)) {
    if ('path' in attachment) kept.add(attachment.path.slice(attachment.path.lastIndexOf('/') + 1));
  }
  return kept;
}

function removeOld(file: string, now: number): number {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats?.isFile() !== true || now - stats.mtimeMs < YOUNG_MS) return 0;
  unlinkSync(file);
  return 1;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
