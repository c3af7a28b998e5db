/** The CLI's side of a Broca's socket: connect, greet, ask, answer. */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BrocaHello,
  type ClientFrame,
  encodeFrame,
  FrameDecoder,
  failed,
  ok,
  parseBrocaFrame,
  type Result,
  VERSION,
  WORKER_LINK_VERSION,
  withSocketPath,
} from 'animus-protocol';

/** A Broca greets at once; one that does not is blocked, stopped or something else. */
const GREETING_TIMEOUT_MS = 5_000;

export type ConnectFault =
  /** Nobody listens there. */
  | { kind: 'absent' }
  /** Somebody listens and does not greet. */
  | { kind: 'silent' }
  | { kind: 'unusable'; reason: string };

export type Answer =
  | { kind: 'value'; value: unknown }
  | { kind: 'error'; error: string }
  /** The connection ended before the answer: whether it was done is not known. */
  | { kind: 'lost' };

export type BrocaClient = {
  hello: BrocaHello;
  request(command: string, args: Record<string, unknown>): Promise<Answer>;
  /** What is not answered yet is answered as `lost`. */
  close(): void;
};

/** `patienceMs`: how long somebody who listens there may take to greet. */
export async function connectToBroca(path: string, patienceMs: number = GREETING_TIMEOUT_MS): Promise<Result<BrocaClient, ConnectFault>> {
  const socket = await open(path);
  if (!socket.ok) return socket;
  const connection = new Connection(socket.value);
  connection.send({ type: 'hello', protocol: WORKER_LINK_VERSION, client: 'cli', version: VERSION });
  const giveUp = new AbortController();
  const late = sleep(Math.max(1, Math.min(GREETING_TIMEOUT_MS, patienceMs)), null, { signal: giveUp.signal }).catch(() => null);
  const hello = await Promise.race([connection.greeted, late]);
  giveUp.abort();
  if (hello !== null) return ok({ hello, request: (command, args) => connection.request(command, args), close: () => connection.close() });
  const wasClosed = connection.isClosed;
  connection.close();
  // It ended while we knocked: as if nobody had been there.
  return failed(wasClosed ? { kind: 'absent' } : { kind: 'silent' });
}

async function open(path: string): Promise<Result<Socket, ConnectFault>> {
  try {
    return ok(
      await withSocketPath(path, async (fitting) => {
        const { promise, resolve, reject } = Promise.withResolvers<Socket>();
        const socket = connect({ path: fitting });
        socket.once('error', reject);
        socket.once('connect', () => {
          socket.off('error', reject);
          resolve(socket);
        });
        return await promise;
      }),
    );
  } catch (error) {
    return failed(classify(error as NodeJS.ErrnoException));
  }
}

function classify({ code, message }: NodeJS.ErrnoException): ConnectFault {
  switch (code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
    case 'ECONNRESET':
    case 'ENOTDIR':
      return { kind: 'absent' };
    // Its queue of connections is full: it does not accept any more.
    case 'EAGAIN':
      return { kind: 'silent' };
    default:
      return { kind: 'unusable', reason: message };
  }
}

class Connection {
  readonly greeted: Promise<BrocaHello | null>;
  isClosed = false;
  #socket: Socket;
  #greet: (hello: BrocaHello | null) => void;
  #waiting = new Map<number, (answer: Answer) => void>();
  #lastId = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    const { promise, resolve } = Promise.withResolvers<BrocaHello | null>();
    this.greeted = promise;
    this.#greet = resolve;
    const decoder = new FrameDecoder();
    socket.on('data', (chunk: Buffer) => {
      const frames = decoder.push(chunk);
      if (!frames.ok) return void socket.destroy();
      for (const frame of frames.value) this.#take(frame);
    });
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#end());
  }

  send(frame: ClientFrame): void {
    this.#socket.write(encodeFrame(frame));
  }

  async request(command: string, args: Record<string, unknown>): Promise<Answer> {
    if (this.isClosed) return { kind: 'lost' };
    this.#lastId += 1;
    const id = this.#lastId;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#waiting.set(id, resolve);
    this.send({ type: 'request', id, command, args });
    return await promise;
  }

  close(): void {
    this.#end();
    this.#socket.destroy();
  }

  /** What an unknown Broca says besides is no business of the CLI. */
  #take(value: unknown): void {
    const frame = parseBrocaFrame(value);
    if (!frame.ok) return;
    if (frame.value.type === 'hello') this.#greet(frame.value);
    if (frame.value.type !== 'response') return;
    const { id } = frame.value;
    this.#waiting.get(id)?.(frame.value.ok ? { kind: 'value', value: frame.value.value } : { kind: 'error', error: frame.value.error });
    this.#waiting.delete(id);
  }

  #end(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#greet(null);
    for (const answer of this.#waiting.values()) answer({ kind: 'lost' });
    this.#waiting.clear();
  }
}
