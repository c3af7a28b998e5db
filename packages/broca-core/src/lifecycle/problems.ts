/** What a person should know about a running Broca, one entry a cause; shown by health until it is gone. */
export class Problems {
  #byCause = new Map<string, string[]>();

  set(cause: string, texts: readonly string[]): void {
    if (texts.length === 0) this.#byCause.delete(cause);
    else this.#byCause.set(cause, [...texts]);
  }

  list(): string[] {
    return [...this.#byCause.values()].flat();
  }
}
