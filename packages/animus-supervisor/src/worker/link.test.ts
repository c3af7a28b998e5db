import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { type BrocaFrame, type BrocaHello, encodeFrame } from 'animus-protocol';
import { askHello, readBeat, WorkerLink } from './link.ts';

const hello = (pid: number): BrocaHello => ({
  type: 'hello',
  protocol: 1,
  pid,
  agentId: 'agent-a',
  version: '0',
  release: null,
  startedAt: 0,
  nonce: null,
});

/** A socket that answers each connection with given lines. */
class Peer implements AsyncDisposable {
  readonly folder: string = mkdtempSync(path.join(os.tmpdir(), 'animus-link-'));
  readonly path: string = path.join(this.folder, 'broca.sock');
  #server: net.Server | null = null;
  #sockets = new Set<net.Socket>();
  #connected: () => void = () => undefined;

  /** The next time somebody says something. */
  get connected(): Promise<void> {
    return new Promise((resolve) => {
      this.#connected = resolve;
    });
  }

  async answer(...frames: unknown[]): Promise<void> {
    this.#server = net.createServer((socket) => {
      this.#sockets.add(socket);
      socket.once('data', () => this.#connected());
      socket.on('error', () => undefined);
      socket.resume();
      for (const frame of frames) socket.write(encodeFrame(frame));
    });
    await new Promise<void>((resolve) => this.#server?.listen(this.path, resolve));
  }

  /** As a process that dies: its connections break, and its socket's file stays or goes. */
  async die(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const server = this.#server;
    if (server !== null) await new Promise((resolve) => server.close(resolve));
    this.#server = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.die();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A link whose news come one by one. */
class Listener implements Disposable {
  readonly link: WorkerLink;
  #news: string[] = [];
  #wake = (): void => undefined;

  constructor(socket: string, accepts: (hello: BrocaHello) => boolean) {
    this.link = new WorkerLink(socket, '0', {
      hello: (said) => {
        this.#tell(`hello ${said.pid}`);
        return accepts(said);
      },
      frame: (frame: BrocaFrame) => this.#tell(frame.type),
      beat: (text: string) => this.#tell(`beat ${readBeat(text)?.mode}`),
      lost: () => this.#tell('lost'),
    });
  }

  async next(): Promise<string> {
    for (;;) {
      const news = this.#news.shift();
      if (news !== undefined) return news;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  [Symbol.dispose](): void {
    this.link.close();
  }

  #tell(news: string): void {
    this.#news.push(news);
    this.#wake();
  }
}

test('it finds a Broca that comes later, passes its frames on, skips unknown ones, and comes back after a loss', async () => {
  await using peer = new Peer();
  using listener = new Listener(peer.path, () => true);
  assert.equal(listener.link.send({ type: 'reload' }), false);
  await peer.answer(hello(1), { type: 'of a newer Broca' }, { type: 'ready', at: 0, startMs: 1 });
  assert.deepEqual([await listener.next(), await listener.next()], ['hello 1', 'ready']);
  assert.equal(listener.link.send({ type: 'reload' }), true);
  await peer.die();
  assert.equal(await listener.next(), 'lost');
  assert.equal(listener.link.send({ type: 'reload' }), false);
  await peer.answer(hello(2));
  assert.equal(await listener.next(), 'hello 2');
});

test('a peer that is refused is not listened to, and asked again later', async () => {
  await using peer = new Peer();
  await peer.answer(hello(1), { type: 'ready', at: 0, startMs: 1 });
  let isRight = false;
  using listener = new Listener(peer.path, () => isRight);
  assert.equal(await listener.next(), 'hello 1');
  isRight = true;
  assert.deepEqual([await listener.next(), await listener.next()], ['hello 1', 'ready']);
});

test('who answers is asked once: somebody, nobody, a silence, or one who leaves', async () => {
  await using peer = new Peer();
  assert.deepEqual(await askHello(peer.path, '0', 1_000), { kind: 'nobody' });
  await peer.answer(hello(7));
  assert.deepEqual(await askHello(peer.path, '0', 1_000), { kind: 'hello', hello: hello(7) });
  await peer.die();
  await peer.answer();
  assert.deepEqual(await askHello(peer.path, '0', 50), { kind: 'silent' });
  const asked = askHello(peer.path, '0', 10_000);
  await peer.connected;
  await peer.die();
  assert.deepEqual(await asked, { kind: 'left' });
});
