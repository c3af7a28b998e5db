/** Something to wait on for ever and again, which keeps nothing of who has stopped waiting. */
export class Waker {
  readonly #listeners = new Set<() => void>();

  wake(): void {
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }

  /** Calls `listener` at the next wake, once; what it gives takes that back. */
  next(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Until the next wake, or `ms` have passed; null: only a wake ends it. */
  async sleep(ms: number | null): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const forget = this.next(resolve);
    const timer = ms === null ? undefined : setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
    forget();
  }
}
