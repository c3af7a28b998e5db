/**
 * The frames of one run, numbered. A background run's log lives in the simulated Redis, which may forget it while readers
 * wait: they then wait for what may never come, as readers of the real server do.
 */

type Entry = { order: number; seq: number; frame: string; isLast: boolean };

export class StreamLog {
  #entries: Entry[] = [];
  #written = 0;
  readonly #waiting = new Set<() => void>();

  /** Frames written, forgotten ones included: the highest seq_id given. */
  get written(): number {
    return this.#written;
  }

  append(frame: string, isLast = false): void {
    this.#written += 1;
    this.#entries.push({ order: this.#written, seq: this.#written, frame, isLast });
    this.#wake();
  }

  /** Forgets what was written; later frames go on with the numbering. */
  forget(): void {
    this.#entries = [];
  }

  /**
   * Frames after a sequence number, waiting for more until the last one. A cursor at or past the last frame of a finished
   * run waits for ever: the real server does not notice either.
   */
  async *follow(startingAfter: number, numbered: boolean, signal: AbortSignal): AsyncGenerator<string> {
    let order = 0;
    while (!signal.aborted) {
      const fresh = this.#entries.filter((entry) => entry.order > order);
      for (const entry of fresh) {
        order = entry.order;
        if (entry.seq > startingAfter) {
          yield numbered ? entry.frame.replaceAll('"seq_id":null', `"seq_id":${entry.seq}`) : entry.frame;
          if (entry.isLast) {
            return;
          }
        }
      }
      if (fresh.length === 0) {
        await this.#changed(signal);
      }
    }
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
      if (signal.aborted) {
        done();
      }
    });
  }

  #wake(): void {
    for (const done of [...this.#waiting]) {
      done();
    }
  }
}
