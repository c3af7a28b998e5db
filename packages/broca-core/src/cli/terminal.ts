/** The terminal of a command: the only place of this package that touches the standard streams. */
import { createInterface, type Interface } from 'node:readline';
import { Writable } from 'node:stream';

/** What a person types, line by line. */
export type Lines = AsyncIterable<string> & {
  /** They pressed Ctrl-C or Ctrl-D at their terminal: they wait for nothing any more. Lines typed before a Ctrl-D still come. */
  left: AbortSignal;
};

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
  lines(prompt: string): Lines;
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

function readLines(prompt: string, isInteractive: boolean): Lines {
  const left = new AbortController();
  return Object.assign(readFrom(prompt, isInteractive, left), { left: left.signal });
}

function openReader(prompt: string, isInteractive: boolean, left: AbortController): Interface {
  const reader = isInteractive
    ? createInterface({ input: process.stdin, output: process.stdout, prompt })
    : createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
  // Ctrl-C ends a chat as Ctrl-D does; readline takes the signal while it reads a terminal.
  reader.on('SIGINT', () => {
    left.abort('SIGINT');
    reader.close();
  });
  // What comes through a pipe ends long before it is answered.
  if (isInteractive) reader.on('close', () => left.abort());
  return reader;
}

/** Begins to read when the first line is asked for: an open pipe that is read keeps the process. */
async function* readFrom(prompt: string, isInteractive: boolean, left: AbortController): AsyncGenerator<string> {
  const reader = openReader(prompt, isInteractive, left);
  if (isInteractive) reader.prompt();
  try {
    for await (const line of reader) {
      if (left.signal.reason === 'SIGINT') break;
      yield line;
      if (isInteractive && !left.signal.aborted) reader.prompt();
    }
  } finally {
    reader.close();
    // Whoever has read enough does not wait until the other side closes its pipe.
    if ('unref' in process.stdin) process.stdin.unref();
  }
  if (isInteractive) process.stdout.write('\n');
}

function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
