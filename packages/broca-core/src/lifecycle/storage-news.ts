/** What is told of a database that cannot be written: once in the log, and in health for as long as it lasts. */
import type { Log } from '../log/log.ts';
import { monotonicMs } from './monotonic.ts';
import type { Problems } from './problems.ts';

/** For how long health shows that a message could not be stored; whoever keeps it tries again sooner. */
const SHOWN_MS = 15_000;

export class StorageNews {
  #problems: Problems;
  #log: Log;
  #changed: () => void;
  /** Loop → why it cannot write; null when it can again. */
  #faults = new Map<string, string | null>();
  /** When a message could last not be stored. */
  #notStoredAt = Number.NEGATIVE_INFINITY;

  /** `changed` is called when health should not wait for the next beat. */
  constructor(problems: Problems, log: Log, changed: () => void) {
    this.#problems = problems;
    this.#log = log;
    this.#changed = changed;
  }

  /** Of one of the loops. */
  loop(where: string, fault: string | null): void {
    const text = `${fault}: nothing new is acknowledged; work goes on by itself once this is mended`;
    this.#problems.set(`storage-${where}`, fault === null ? [] : [text], 'fault');
    if (this.#faults.get(where) === fault) return;
    this.#faults.set(where, fault);
    if (fault === null) this.stored();
    if (fault !== null) this.#log.error('storage-failed', { where, fault });
    else this.#log.info('storage-mended', { where });
    this.#changed();
  }

  notStored(fault: string): void {
    const now = monotonicMs();
    if (now - this.#notStoredAt > SHOWN_MS) this.#log.error('message-not-stored', { fault });
    this.#notStoredAt = now;
    this.#problems.set('storage-inbox', [`${fault}: a message could not be stored; it is taken once this is mended`], 'fault');
  }

  stored(): void {
    this.#notStoredAt = Number.NEGATIVE_INFINITY;
  }

  /** Before problems are shown. */
  forgetOld(): void {
    if (monotonicMs() - this.#notStoredAt > SHOWN_MS) this.#problems.set('storage-inbox', []);
  }
}
