/** What health shows of the queue, read when a beat is due. Each count walks an index of open rows only. */
import type { QueueFigures } from 'animus-protocol';
import type { Store } from '../store/open.ts';

export type StoredFigures = Omit<QueueFigures, 'settled'> & { uncertain: number };

export function createFigures(store: Store): () => StoredFigures {
  const count = (sql: string) => store.prepare<[], number>(sql).pluck();
  const waiting = count("SELECT count(*) FROM turns WHERE state IN ('queued', 'waiting', 'running')");
  const running = count("SELECT count(*) FROM turns WHERE state = 'running'");
  const parked = count("SELECT count(*) FROM turns WHERE state = 'parked'");
  const outbox = count("SELECT count(*) FROM parts WHERE state IN ('queued', 'waiting', 'sending')");
  const uncertain = count("SELECT count(*) FROM parts WHERE state = 'uncertain'");
  return () => ({
    waiting: waiting.get() ?? 0,
    running: running.get() ?? 0,
    parked: parked.get() ?? 0,
    outbox: outbox.get() ?? 0,
    uncertain: uncertain.get() ?? 0,
  });
}
