/**
 * Broca's own socket: the worker link for a supervisor, and commands for the CLI. Broca listens, so that
 * whoever starts later finds it.
 */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import {
  type BrocaBeat,
  type BrocaFrame,
  type BrocaHello,
  type BrocaReady,
  type ClientFrame,
  encodeFrame,
  FrameDecoder,
  parseClientFrame,
  type Result,
  withSocketPath,
} from 'animus-protocol';

export type SocketHandlers = {
  hello: BrocaHello;
  beat(): BrocaBeat;
  stop(deadlineMs: number): void;
  /** A first supervisor listens, or the last one is gone. */
  supervised(isSupervised: boolean): void;
  reload(): void;
  nudge(channel: string): void;
  /** `signal` aborts when the client is gone. */
  command(name: string, args: Record<string, unknown>, signal: AbortSignal): Promise<Result<unknown, string>>;
};

export type BrocaSocket = {
  ready(frame: BrocaReady): void;
  /** Sends a beat to every supervisor that listens; returns how many do. */
  beat(): number;
  tell(frame: BrocaFrame): void;
  close(): Promise<void>;
};

/** The caller holds the folder's lock: a socket file that lies there belongs to nobody. */
export async function listenOnSocket(path: string, handlers: SocketHandlers): Promise<BrocaSocket> {
  const clients = new Set<Client>();
  let ready: BrocaReady | null = null;
  const server = createServer((socket) => {
    const client = new Client(socket, handlers, () => ready);
    clients.add(client);
    socket.once('close', () => {
      clients.delete(client);
      if (client.isSupervisor && supervisors().length === 0) handlers.supervised(false);
    });
  });
  rmSync(path, { force: true });
  await withSocketPath(path, (fitting) => listen(server, fitting));
  chmodSync(path, 0o600);

  const supervisors = () => [...clients].filter((client) => client.isSupervisor);
  return {
    ready(frame) {
      ready = frame;
      for (const client of clients) client.announceReady();
    },
    beat() {
      const listening = supervisors();
      if (listening.length > 0) {
        const frame = handlers.beat();
        for (const client of listening) client.send(frame);
      }
      return listening.length;
    },
    tell(frame) {
      for (const client of clients) if (client.isGreeted) client.send(frame);
    },
    async close() {
      rmSync(path, { force: true });
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const client of clients) client.end();
      await closed;
    },
  };
}

async function listen(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(path, resolve);
  await promise;
  server.removeListener('error', reject);
}

/** A client that does not read what it is sent is dropped once this much waits for it. */
const LONGEST_BACKLOG = 32 * 1024 * 1024;

class Client {
  isSupervisor = false;
  isGreeted = false;
  #socket: Socket;
  #handlers: SocketHandlers;
  #ready: () => BrocaReady | null;
  #gone = new AbortController();

  constructor(socket: Socket, handlers: SocketHandlers, ready: () => BrocaReady | null) {
    this.#socket = socket;
    this.#handlers = handlers;
    this.#ready = ready;
    const decoder = new FrameDecoder();
    socket.on('data', (chunk: Buffer) => {
      const frames = decoder.push(chunk);
      if (!frames.ok) return void socket.destroy();
      for (const frame of frames.value) this.#take(frame);
    });
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#gone.abort());
  }

  send(frame: BrocaFrame): void {
    if (this.#socket.destroyed) return;
    this.#socket.write(encodeFrame(frame));
    if (this.#socket.writableLength > LONGEST_BACKLOG) this.#socket.destroy();
  }

  end(): void {
    this.#socket.end();
    // A peer that never closes its side must not keep us: what was written is in the kernel by then.
    setImmediate(() => this.#socket.destroySoon());
  }

  #take(value: unknown): void {
    const frame = parseClientFrame(value);
    // A newer peer may say what we do not know; only what it asks for needs an answer.
    if (frame.ok) void this.#handle(frame.value);
  }

  async #handle(frame: ClientFrame): Promise<void> {
    switch (frame.type) {
      case 'hello':
        return this.#greet(frame.client === 'supervisor');
      case 'stop':
        return this.#handlers.stop(frame.deadlineMs);
      case 'reload':
        return this.#handlers.reload();
      case 'nudge':
        return this.#handlers.nudge(frame.channel);
      case 'request': {
        const answer = await this.#handlers.command(frame.command, frame.args, this.#gone.signal);
        this.send({ type: 'response', id: frame.id, ...answer });
      }
    }
  }

  #greet(isSupervisor: boolean): void {
    this.isGreeted = true;
    this.isSupervisor = isSupervisor;
    this.send(this.#handlers.hello);
    if (isSupervisor) this.#handlers.supervised(true);
    this.announceReady();
  }

  announceReady(): void {
    const ready = this.#ready();
    if (ready === null || !this.isGreeted) return;
    this.send(ready);
    if (this.isSupervisor) this.send(this.#handlers.beat());
  }
}
