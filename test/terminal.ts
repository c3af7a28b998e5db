/** A program on a terminal of its own, as a person sees it: through `script` of util-linux, which every Debian has. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

const PATIENCE_MS = 30_000;

/** Why there is none here; false when there is. */
export const noTerminal: string | false =
  spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') === true
    ? false
    : 'no `script` of util-linux here';

export class TerminalProgram {
  /** All that was shown so far, what was typed and echoed with it. */
  screen = '';
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<number>;
  #read = 0;
  #wake = (): void => undefined;

  constructor(words: readonly string[], environment: Record<string, string | undefined>) {
    const command = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    this.#child = spawn('script', ['--quiet', '--return', '--flush', '--command', command, '/dev/null'], { env: environment });
    this.#ended = once(this.#child, 'close').then(([code]) => {
      this.#wake();
      return Number(code);
    });
    this.#child.stdin.on('error', () => undefined);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        this.screen += chunk;
        this.#wake();
      });
    }
  }

  /** Waits until this is shown, further down than what was waited for before. */
  async shows(wanted: RegExp): Promise<void> {
    const deadline = AbortSignal.timeout(PATIENCE_MS);
    for (;;) {
      const found = wanted.exec(this.screen.slice(this.#read));
      if (found !== null) {
        this.#read += found.index + found[0].length;
        return;
      }
      if (deadline.aborted || this.#child.exitCode !== null) throw new Error(`the terminal never showed ${wanted}:\n${this.screen}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      deadline.addEventListener('abort', () => resolve(), { once: true });
      await promise;
    }
  }

  /** Presses keys. */
  type(keys: string): void {
    this.#child.stdin.write(keys);
  }

  /** Answers a question once it is asked. */
  async answer(question: RegExp, text: string): Promise<void> {
    await this.shows(question);
    this.type(`${text}\r`);
  }

  async exit(): Promise<number> {
    return await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
