/** The terminal of a command: the only place of this package that touches the standard streams. */
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';

export type Terminal = {
  /** Standard output: what was asked for, nothing else. */
  out(text: string): void;
  /** Standard error: everything a person should know besides. */
  err(text: string): void;
  /** Both ends are a person's terminal. */
  isInteractive: boolean;
  /** Standard output is a terminal: control characters in what others wrote must not reach it. */
  isScreen: boolean;
  /** Standard input is a terminal. */
  isKeyboard: boolean;
  /** Lines of standard input; `prompt` is shown before each on a terminal. */
  lines(prompt: string): AsyncIterable<string>;
  readAll(): Promise<string>;
  /** Asks a person; null when they broke off, or there is no terminal. What is typed is hidden when it is a secret. */
  question(prompt: string, isSecret: boolean): Promise<string | null>;
};

export function processTerminal(): Terminal {
  // `broca queue list | head` closes the pipe early; that is no fault of ours.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreBrokenPipe);
  const isScreen = process.stdout.isTTY === true;
  const isKeyboard = process.stdin.isTTY === true;
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    isInteractive: isScreen && isKeyboard,
    isScreen,
    isKeyboard,
    lines: (prompt) => readLines(prompt, isScreen && isKeyboard),
    question: async (prompt, isSecret) => (isKeyboard ? await ask(prompt, isSecret) : null),
    readAll: async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
      return Buffer.concat(chunks).toString('utf8');
    },
  };
}

async function ask(prompt: string, isSecret: boolean): Promise<string | null> {
  // What is typed is echoed by readline itself: to nowhere, when it is a secret.
  const hidden = new Writable({ write: (_chunk, _encoding, done) => done() });
  const asking = createInterface({ input: process.stdin, output: isSecret ? hidden : process.stderr, terminal: true });
  if (isSecret) process.stderr.write(prompt);
  const { promise, resolve } = Promise.withResolvers<string | null>();
  asking.on('SIGINT', () => asking.close());
  asking.once('close', () => resolve(null));
  asking.question(isSecret ? '' : prompt, (answer) => {
    resolve(answer);
    asking.close();
  });
  const answer = await promise;
  if (isSecret || answer === null) process.stderr.write('\n');
  return answer;
}

async function* readLines(prompt: string, isInteractive: boolean): AsyncIterable<string> {
  const lines = isInteractive
    ? createInterface({ input: process.stdin, output: process.stdout, prompt })
    : createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
  // Ctrl-C ends a chat as Ctrl-D does; readline takes the signal while it reads a terminal.
  lines.on('SIGINT', () => lines.close());
  if (isInteractive) lines.prompt();
  try {
    for await (const line of lines) {
      yield line;
      if (isInteractive) lines.prompt();
    }
  } finally {
    lines.close();
    // Whoever has read enough does not wait until the other side closes its pipe.
    if ('unref' in process.stdin) process.stdin.unref();
  }
  if (isInteractive) process.stdout.write('\n');
}

function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
