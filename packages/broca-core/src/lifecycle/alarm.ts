/** A loop's sleep: ends at a time, when somebody rings, or when the loop is to stop. A ring while awake is not lost. */

/** A setTimeout beyond 2³¹−1 ms fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class Alarm {
  #isRung = false;
  #ring: (() => void) | null = null;

  ring(): void {
    this.#isRung = true;
    this.#ring?.();
  }

  /** `ms` may be infinite. */
  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#isRung && !signal.aborted && ms > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, Math.min(ms, LONGEST_TIMER_MS));
      this.#ring = resolve;
      signal.addEventListener('abort', resolve as () => void, { once: true });
      await promise;
      clearTimeout(timer);
      signal.removeEventListener('abort', resolve as () => void);
      this.#ring = null;
    }
    this.#isRung = false;
  }
}
