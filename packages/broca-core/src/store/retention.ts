/**
 * Removes settled turns with all that belongs to them, by age and by the space in use, oldest first, a few at
 * a time while nothing is due. What asks for attention stays: open and parked turns, and replies that are not
 * surely handed over. So do people, conversations and the tombstones in `seen`: what was removed does not
 * come in again. The file does not shrink; what was freed is used again.
 */
import type { Retention } from 'animus-protocol';
import { lazily } from './lazily.ts';
import type { Store } from './open.ts';

/** Rows looked at in one go: some milliseconds. */
const STRIDE = 200;
/** Others get their turn between two strides. */
const BETWEEN_STRIDES_MS = 20;
/** How often a database that was gone through is looked at again. */
const LOOK_EVERY_MS = 60 * 60 * 1000;

export type Retain = (now: number) => number;

/** `settings` as they are now. The function given back removes some and returns after how long it has more to do, in ms. */
export function createRetain(store: Store, settings: () => Retention): Retain {
  const statements = prepare(store);
  /** Number of the last turn that was looked at in this pass. */
  let passed = 0;
  let nextAt = 0;
  let lastSettings = '';

  const usedBytes = (): number => {
    const number = (name: string): number => Number(store.pragma(name, { simple: true }));
    return (number('page_count') - number('freelist_count')) * number('page_size');
  };

  /** One stride; true when the pass is over. */
  const stride = store.transaction((now: number, { messagesMs, databaseBytes }: Retention): boolean => {
    const isTooLarge = databaseBytes !== null && usedBytes() > databaseBytes;
    const before = messagesMs === null ? Number.NEGATIVE_INFINITY : now - messagesMs;
    const rows = statements.next.all(passed, STRIDE);
    for (const row of rows) {
      // A turn is settled after it was stored, so from here on all are too young.
      if (!isTooLarge && row.createdAt >= before) return true;
      passed = row.id;
      const isExpired = row.settledAt !== null && (isTooLarge || row.settledAt < before);
      if (isExpired && row.isOver === 1) statements.remove.run(row.id);
    }
    return rows.length < STRIDE;
  });

  return (now) => {
    const wanted = settings();
    const isChanged = JSON.stringify(wanted) !== lastSettings;
    lastSettings = JSON.stringify(wanted);
    if (wanted.messagesMs === null && wanted.databaseBytes === null) return Number.POSITIVE_INFINITY;
    // A clock that was set back must not stop it for as long.
    if (!isChanged && nextAt > now && nextAt - now <= LOOK_EVERY_MS) return nextAt - now;
    const isOver = stride.immediate(now, wanted);
    if (isOver) passed = 0;
    nextAt = now + (isOver ? LOOK_EVERY_MS : BETWEEN_STRIDES_MS);
    return nextAt - now;
  };
}

function prepare(store: Store) {
  type Row = { id: number; createdAt: number; settledAt: number | null; isOver: number };
  return lazily({
    next: () =>
      store.prepare<[number, number], Row>(
        `SELECT id, created_at AS createdAt, CASE WHEN state = 'settled' THEN settled_at END AS settledAt,
         NOT EXISTS (SELECT 1 FROM parts WHERE turn_id = turns.id AND parts.state IN ('queued', 'waiting', 'sending', 'uncertain')) AS isOver
       FROM turns WHERE id > ? ORDER BY id LIMIT ?`,
      ),
    remove: () => store.prepare("DELETE FROM turns WHERE id = ? AND state = 'settled'"),
  });
}
