/** Asks a person at the terminal, or takes the answers from standard input, one a line. */
import type { CommandTerminal } from 'broca-core';

const MOST_TRIES = 3;

export class Asker {
  readonly #terminal: CommandTerminal;
  readonly #lines: AsyncIterator<string> | null;

  constructor(terminal: CommandTerminal, isStdin: boolean) {
    this.#terminal = terminal;
    this.#lines = isStdin ? terminal.lines()[Symbol.asyncIterator]() : null;
  }

  say(text: string): void {
    this.#terminal.err(text);
  }

  /** `read` gives null for what is no answer; null when nothing fit, or nobody is there to be asked. */
  async ask<T>(prompt: string, read: (text: string) => T | null, expected: string): Promise<T | null> {
    return await this.#ask(prompt, read, expected, false);
  }

  async askSecret<T>(prompt: string, read: (text: string) => T | null, expected: string): Promise<T | null> {
    return await this.#ask(prompt, read, expected, true);
  }

  async close(): Promise<void> {
    await this.#lines?.return?.(undefined);
  }

  async #ask<T>(prompt: string, read: (text: string) => T | null, expected: string, isSecret: boolean): Promise<T | null> {
    for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
      const written = await this.#next(prompt, isSecret);
      if (written === null) return null;
      const value = read(written.trim());
      if (value !== null) return value;
      this.say(`Write ${expected}.\n`);
      // A program does not think again.
      if (this.#lines !== null) return null;
    }
    return null;
  }

  async #next(prompt: string, isSecret: boolean): Promise<string | null> {
    if (this.#lines === null) {
      if (this.#terminal.isInteractive) return await this.#terminal.question(prompt, isSecret);
      this.say(`Nobody is here to be asked (${prompt.trim()}): use a terminal, .env, or --stdin\n`);
      return null;
    }
    this.say(`${prompt}\n`);
    const line = await this.#lines.next();
    return line.done === true ? null : line.value;
  }
}
