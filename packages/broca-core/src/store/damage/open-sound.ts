/**
 * Opens the database for the Broca that runs the agent. One that is damaged is replaced, here and nowhere else: a
 * command that came by must not be the only one to know. The caller holds the folder's lock.
 */
import { statSync } from 'node:fs';
import { failed, ok, type Result } from 'animus-protocol';
import { canWrite, type OpenFault, openStore, type Store } from '../open.ts';
import { clearDoubt, isInDoubt } from './doubt.ts';
import type { Replaced } from './replace.ts';

export type SoundStore = {
  store: Store;
  /** What became of a damaged one that was found just now. */
  replaced: Replaced | null;
};

export async function openSound(folder: string, file: string, now: number): Promise<Result<SoundStore, OpenFault>> {
  const isDoubted = isInDoubt(folder);
  // Before it is opened: that may write.
  const writtenAt = lastWritten(file);
  const opened = openStore(file);
  if (!opened.ok && opened.error.kind !== 'damaged') return opened;
  if (opened.ok && !canWrite(opened.value)) {
    opened.value.close();
    return failed({ kind: 'read-only' });
  }
  const damage = opened.ok ? (isDoubted ? findDamage(opened.value) : null) : reasonOf(opened.error);
  if (opened.ok && damage !== null) opened.value.close();
  if (opened.ok && damage === null) {
    if (isDoubted) clearDoubt(folder);
    return ok({ store: opened.value, replaced: null });
  }
  const { replaceDamaged } = await import('./replace.ts');
  const replaced = await replaceDamaged({ folder, file, reason: damage ?? '', writtenAt, now });
  if (!replaced.ok) return failed({ kind: 'unusable', reason: replaced.error });
  const anew = openStore(file);
  if (!anew.ok) return anew;
  clearDoubt(folder);
  return ok({ store: anew.value, replaced: replaced.value });
}

/** Reads all of it; null when it is whole. */
function findDamage(store: Store): string | null {
  try {
    const [first = 'ok'] = store.prepare<[], string>('PRAGMA integrity_check(1)').pluck().all();
    return first === 'ok' ? null : first.replaceAll(/\s+/g, ' ');
  } catch (error) {
    return (error as Error).message;
  }
}

function reasonOf(fault: OpenFault): string {
  return 'reason' in fault ? fault.reason : fault.kind;
}

function lastWritten(file: string): number {
  const times = [file, `${file}-wal`].map((each) => statSync(each, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  return Math.ceil(Math.max(...times));
}
