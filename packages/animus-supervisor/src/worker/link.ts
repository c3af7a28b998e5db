/**
 * The supervisor's end of a worker link. Connects to `run/broca.sock` as soon as it is there, says hello,
 * passes every frame on, and connects again when the link breaks: a lost link is a question, not a death.
 */
import { type FSWatcher, watch } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import {
  type BeatReport,
  type BrocaFrame,
  type BrocaHello,
  type ClientFrame,
  encodeFrame,
  FrameDecoder,
  LineDecoder,
  parseBrocaFrame,
  type Result,
  WORKER_LINK_VERSION,
  withSocketPath,
} from 'animus-protocol';

export type LinkListener = {
  /** False refuses the peer: it is not the Broca this link is for. */
  hello(hello: BrocaHello): boolean;
  frame(frame: Exclude<BrocaFrame, { type: 'hello' | 'beat' }>): void;
  /** Not read yet: that it came is what counts, and what it says is asked for rarely (readBeat). */
  beat(text: string): void;
  lost(reason: string): void;
};

/** A socket that is not there yet is seen through its folder; this is for file systems that tell nothing. */
const LOOK_FIRST_MS = 100;
const LOOK_LAST_MS = 1_000;
/** The file is there a moment before its owner listens: after a sign of it the looks come fast. */
const LOOK_AFTER_SIGN_MS = 2;
/** A stopped process accepts connections and says nothing. */
const HELLO_WITHIN_MS = 5_000;
/** Of nearly all frames; those of a Broca that writes them in another way are told by reading them. */
const BEGINS_BEAT = '{"type":"beat",';
/** What any link reads goes through here, a chunk at a time: memory of its own for each read is what most beats would cost. */
const CHUNK = Buffer.allocUnsafeSlow(64 * 1024);

export class WorkerLink {
  readonly #path: string;
  readonly #version: string;
  readonly #listener: LinkListener;
  #socket: net.Socket | null = null;
  #isGreeted = false;
  #isClosed = false;
  #isConnecting = false;
  #lookMs = LOOK_FIRST_MS;
  #retry: NodeJS.Timeout | null = null;
  #impatient: NodeJS.Timeout | undefined;
  #folder: FSWatcher | null = null;

  constructor(socketPath: string, version: string, listener: LinkListener) {
    this.#path = socketPath;
    this.#version = version;
    this.#listener = listener;
    this.#watchFolder();
    void this.#connect();
  }

  /** False when nobody is there to hear it. */
  send(frame: ClientFrame): boolean {
    if (this.#socket === null || !this.#isGreeted) return false;
    this.#socket.write(encodeFrame(frame));
    return true;
  }

  /** Ends the link for good; nothing is told after it. */
  close(): void {
    this.#isClosed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#unwatchFolder();
    this.#socket?.destroy();
  }

  async #connect(): Promise<void> {
    if (this.#isClosed || this.#isConnecting || this.#socket !== null) return;
    this.#isConnecting = true;
    const decoder = new LineDecoder();
    // Nothing is heard before #listen: what is waited for in between is settled within one turn of the event loop.
    const socket = await openSocket(this.#path, (chunk, length) => this.#hear(decoder.push(chunk, length)));
    this.#isConnecting = false;
    if (this.#isClosed) return void socket?.destroy();
    if (socket === null) return this.#connectLater();
    this.#listen(socket);
  }

  #takeSign(): void {
    this.#lookMs = LOOK_AFTER_SIGN_MS;
    // While one attempt runs, its failure leads to the next.
    void this.#connect();
  }

  #connectLater(): void {
    if (this.#isClosed) return;
    this.#watchFolder();
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#connect(), this.#lookMs);
    this.#lookMs = Math.min(LOOK_LAST_MS, this.#lookMs * 2);
  }

  #listen(socket: net.Socket): void {
    this.#socket = socket;
    this.#unwatchFolder();
    this.#impatient = setTimeout(() => this.#drop('accepts connections, but does not say hello'), HELLO_WITHIN_MS);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#forget(socket, 'its link is lost'));
    socket.write(encodeFrame({ type: 'hello', protocol: WORKER_LINK_VERSION, client: 'supervisor', version: this.#version }));
  }

  #hear(lines: Result<string[], string>): void {
    if (!lines.ok) return void this.#drop(lines.error);
    for (const line of lines.value) this.#take(line);
  }

  #take(line: string): void {
    if (this.#isClosed || this.#socket === null) return;
    if (line.startsWith(BEGINS_BEAT)) this.#takeBeat(line);
    else this.#takeFrame(line);
  }

  #takeBeat(line: string): void {
    if (this.#isGreeted) this.#listener.beat(line);
  }

  #takeFrame(line: string): void {
    const value = readJson(line);
    if (value === undefined) return void this.#drop('a frame is not JSON');
    const parsed = parseBrocaFrame(value);
    // An unknown frame is a newer Broca's; the frozen four are all that is needed of it.
    if (!parsed.ok) return;
    const frame = parsed.value;
    if (frame.type === 'hello') this.#takeHello(frame);
    else if (frame.type === 'beat') this.#takeBeat(line);
    else if (this.#isGreeted) this.#listener.frame(frame);
  }

  #takeHello(hello: BrocaHello): void {
    if (!this.#listener.hello(hello)) return void this.#drop('another Broca answers at its socket');
    this.#isGreeted = true;
    this.#lookMs = LOOK_FIRST_MS;
    clearTimeout(this.#impatient);
  }

  #drop(reason: string): void {
    const socket = this.#socket;
    if (socket === null) return;
    socket.destroy();
    this.#forget(socket, reason);
  }

  #forget(socket: net.Socket, reason: string): void {
    if (this.#socket !== socket) return;
    clearTimeout(this.#impatient);
    this.#socket = null;
    if (this.#isClosed) return;
    const wasGreeted = this.#isGreeted;
    this.#isGreeted = false;
    if (wasGreeted) this.#listener.lost(reason);
    this.#connectLater();
  }

  #watchFolder(): void {
    if (this.#folder !== null || this.#isClosed) return;
    try {
      this.#folder = watch(path.dirname(this.#path), { persistent: false }, (_event, name) => {
        if (name === path.basename(this.#path)) this.#takeSign();
      });
      this.#folder.on('error', () => this.#unwatchFolder());
    } catch {
      // The folder is made by Broca at its start; until then the timer looks.
    }
  }

  #unwatchFolder(): void {
    this.#folder?.close();
    this.#folder = null;
  }
}

/**
 * Null when nobody listens there. With `hear` the socket gives no data of its own: it is passed on, in the beginning of
 * memory that is used again for what comes next.
 */
export async function openSocket(socketPath: string, hear?: (chunk: Buffer, length: number) => void): Promise<net.Socket | null> {
  const onread = hear && {
    buffer: CHUNK,
    callback(bytes: number): boolean {
      hear(CHUNK, bytes);
      return true;
    },
  };
  try {
    return await withSocketPath(
      socketPath,
      (fitting) =>
        new Promise<net.Socket | null>((resolve) => {
          const socket = net.connect({ path: fitting, ...(onread && { onread }) });
          socket.once('connect', () => resolve(socket));
          socket.once('error', () => resolve(null));
        }),
    );
  } catch {
    return null;
  }
}

/** What a beat says; null where it is none that can be read. */
export function readBeat(text: string): BeatReport | null {
  const parsed = parseBrocaFrame(readJson(text));
  if (!parsed.ok || parsed.value.type !== 'beat') return null;
  const { type: _, ...report } = parsed.value;
  return report;
}

/** Undefined for what is no JSON. */
function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export type Greeting =
  | { kind: 'hello'; hello: BrocaHello }
  | { kind: 'nobody' }
  | { kind: 'silent' }
  /** Somebody took the connection and closed it: it is ending, and may not have ended. */
  | { kind: 'left' };

/** Asks once who answers at a socket. */
export async function askHello(socketPath: string, version: string, withinMs: number): Promise<Greeting> {
  const socket = await openSocket(socketPath);
  if (socket === null) return { kind: 'nobody' };
  return await new Promise((resolve) => {
    const decoder = new FrameDecoder();
    const finish = (greeting: Greeting): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(greeting);
    };
    const timer = setTimeout(() => finish({ kind: 'silent' }), withinMs);
    socket.on('error', () => undefined);
    socket.on('close', () => finish({ kind: 'left' }));
    socket.on('data', (chunk) => {
      const frames = decoder.push(chunk);
      for (const value of frames.ok ? frames.value : []) {
        const frame = parseBrocaFrame(value);
        if (frame.ok && frame.value.type === 'hello') return finish({ kind: 'hello', hello: frame.value });
      }
    });
    socket.write(encodeFrame({ type: 'hello', protocol: WORKER_LINK_VERSION, client: 'supervisor', version }));
  });
}
