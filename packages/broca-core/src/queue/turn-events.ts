/** Tells who waits for a turn that something about it changed: settled, parked, or a part handed over. */
export class TurnEvents {
  #waiting = new Map<number, Set<() => void>>();
  #onChange: () => void;

  constructor(onChange: () => void = () => undefined) {
    this.#onChange = onChange;
  }

  changed(turnId: number): void {
    const waiting = this.#waiting.get(turnId);
    this.#waiting.delete(turnId);
    for (const wake of waiting ?? []) wake();
    this.#onChange();
  }

  /** Resolves at the next change of the turn, or when the signal aborts. Look at the database after it, not before only. */
  async nextChange(turnId: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = this.#waiting.get(turnId) ?? new Set();
    waiting.add(resolve);
    this.#waiting.set(turnId, waiting);
    signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    waiting.delete(resolve);
  }
}
