/** What health shows of the queue, read when a beat is due. The counts are kept by the database: none walks rows. */
import type { QueueFigures } from 'animus-protocol';
import type { Store } from '../store/open.ts';

export type StoredFigures = Omit<QueueFigures, 'settled'> & { uncertain: number };

export function createFigures(store: Store): () => StoredFigures {
  const tally = store.prepare<[string], number>('SELECT count FROM tallies WHERE name = ? AND id = 0').pluck();
  const running = store.prepare<[], number>("SELECT count(*) FROM turns WHERE state = 'running'").pluck();
  return () => {
    const inHand = running.get() ?? 0;
    return {
      waiting: Math.max((tally.get('open') ?? 0) - inHand, 0),
      running: inHand,
      parked: tally.get('parked') ?? 0,
      outbox: tally.get('unsent') ?? 0,
      uncertain: tally.get('uncertain') ?? 0,
    };
  };
}
