/** What a person should know about a running Broca, one entry a cause; shown by health until it is gone. */

/** A fault means that all is not well: health says so with its exit code. */
type Gravity = 'notice' | 'fault';

export class Problems {
  #byCause = new Map<string, { texts: readonly string[]; gravity: Gravity }>();

  set(cause: string, texts: readonly string[], gravity: Gravity = 'notice'): void {
    if (texts.length === 0) this.#byCause.delete(cause);
    else this.#byCause.set(cause, { texts: [...texts], gravity });
  }

  /** All of them, faults included; what several causes say alike, once. */
  list(): string[] {
    return [...new Set([...this.#byCause.values()].flatMap(({ texts }) => texts))];
  }

  faults(): string[] {
    return [...new Set([...this.#byCause.values()].flatMap(({ texts, gravity }) => (gravity === 'fault' ? texts : [])))];
  }
}
