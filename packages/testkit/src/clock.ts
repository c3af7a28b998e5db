/**
 * Time that a test moves. Fits every clock of ours by shape: `now()` is monotonic ms, `after` calls once and
 * returns its cancel. Advancing calls what falls due in order, each at its own time, and lets promises settle
 * between: what a call starts is seen before the next is made.
 */
export class FakeClock {
  #now: number;
  #timers: { at: number; call: () => void }[] = [];

  constructor(now = 1_000_000) {
    this.#now = now;
  }

  /** Bound, so that `clock.now` may be handed on. */
  readonly now = (): number => this.#now;

  readonly after = (ms: number, call: () => void): (() => void) => {
    const timer = { at: this.#now + Math.max(0, ms), call };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  };

  /** When the next call falls due, or null when nothing waits. */
  get nextAt(): number | null {
    return this.#timers.length === 0 ? null : Math.min(...this.#timers.map(({ at }) => at));
  }

  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (let at = this.nextAt; at !== null && at <= end; at = this.nextAt) {
      this.#now = Math.max(this.#now, at);
      this.#callFirst(at);
      await settle();
    }
    this.#now = end;
    await settle();
  }

  /** Jumps without calling what falls due on the way until the end of it: a machine that slept. */
  async sleepThrough(ms: number): Promise<void> {
    this.#now += ms;
    await this.advance(0);
  }

  #callFirst(at: number): void {
    const due = this.#timers.find((timer) => timer.at === at);
    if (due === undefined) return;
    this.#timers = this.#timers.filter((each) => each !== due);
    due.call();
  }
}

/** One turn of the event loop: every promise that could settle by itself has. */
async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}
