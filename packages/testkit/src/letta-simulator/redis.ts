/**
 * What the real server keeps in Redis, with its lifetimes: which run an otid started, which conversation is busy, the frames
 * of background runs. It can be switched off and it can forget, by itself (time) or at once (flush).
 */
import { createHash } from 'node:crypto';
import { StreamLog } from './stream-log.ts';

/** OTID_RUN_TTL_SECONDS and the streams' own lifetime in the real server. */
export const OTID_WINDOW_MS: number = 3 * 60 * 60 * 1000;
/** CONVERSATION_LOCK_TTL_SECONDS: a turn that takes longer loses its lock, and a second one may start beside it. */
export const LOCK_TTL_MS: number = 300 * 1000;

type Kept<T> = { value: T; until: number };

export class Redis {
  isOn = true;
  readonly #now: () => number;
  readonly #otids = new Map<string, Kept<string>>();
  readonly #locks = new Map<string, Kept<string>>();
  readonly #streams = new Map<string, { log: StreamLog; until: number }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  runOf(otidOrToken: string): string | null {
    return this.isOn ? this.#read(this.#otids, otidOrToken) : null;
  }

  remember(otidOrToken: string, runId: string): void {
    if (this.isOn) {
      this.#otids.set(otidOrToken, { value: runId, until: this.#now() + OTID_WINDOW_MS });
    }
  }

  /** Takes the lock, or tells whose token holds it. */
  lock(conversation: string, token: string): { ok: true } | { ok: false; holder: string } {
    const holder = this.#read(this.#locks, conversation);
    if (holder !== null) {
      return { ok: false, holder };
    }
    this.#locks.set(conversation, { value: token, until: this.#now() + LOCK_TTL_MS });
    return { ok: true };
  }

  /** Frees it whoever holds it by now: the real one deletes by name. */
  unlock(conversation: string): void {
    this.#locks.delete(conversation);
  }

  /** The frames of a run; of a run it never knew, an empty log that nobody will write to. */
  stream(runId: string): StreamLog {
    const kept = this.#streams.get(runId);
    if (kept === undefined) {
      const log = new StreamLog();
      this.#streams.set(runId, { log, until: this.#now() + OTID_WINDOW_MS });
      return log;
    }
    if (kept.until <= this.#now()) {
      kept.log.forget();
    }
    return kept.log;
  }

  /** Each write renews the stream's lifetime. */
  write(runId: string, frame: string, isLast: boolean): void {
    const log = this.stream(runId);
    this.#streams.set(runId, { log, until: this.#now() + OTID_WINDOW_MS });
    log.append(frame, isLast);
  }

  flush(what: { otids?: boolean; locks?: boolean; streams?: boolean } = { otids: true, locks: true, streams: true }): void {
    if (what.otids === true) {
      this.#otids.clear();
    }
    if (what.locks === true) {
      this.#locks.clear();
    }
    if (what.streams === true) {
      for (const { log } of this.#streams.values()) {
        log.forget();
      }
    }
  }

  forgetStream(runId: string): void {
    this.stream(runId).forget();
  }

  #read(map: Map<string, Kept<string>>, key: string): string | null {
    const kept = map.get(key);
    if (kept === undefined) {
      return null;
    }
    if (kept.until <= this.#now()) {
      map.delete(key);
      return null;
    }
    return kept.value;
  }
}

/** All otids of a request name it together; a request without any is never a repetition. */
export function requestToken(otids: readonly string[], fallback: string): string {
  return otids.length === 0 ? fallback : createHash('sha256').update(otids.join('|')).digest('hex').slice(0, 16);
}
