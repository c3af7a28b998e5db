/** A real Broca in a process of its own, run from source and spoken to over its socket. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BrocaBeat,
  type BrocaFrame,
  type ClientFrame,
  encodeFrame,
  FrameDecoder,
  parseBrocaFrame,
  VERSION,
  withSocketPath,
} from 'animus-protocol';

const MAIN = join(import.meta.dirname, '../../../broca-core/src/main.ts');
/** A waiting test names what it waits for; this only keeps a broken one from hanging. */
const PATIENCE_MS = 20_000;
/** A new Broca's socket is the first sign of it that can be seen; nothing tells when it comes. */
const LOOK_EVERY_MS = 10;

export type BrocaExit = { code: number | null; signal: NodeJS.Signals | null };

export class BrocaProcess implements AsyncDisposable {
  readonly pid: number;
  readonly exited: Promise<BrocaExit>;
  stderr = '';
  #folder: string;
  #child: ChildProcess;

  private constructor(folder: string, environment: Record<string, string>) {
    this.#folder = folder;
    this.#child = spawn(process.execPath, [MAIN, 'run', '--folder', folder], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env['PATH'], ANIMUS_TEST_RUN: process.env['ANIMUS_TEST_RUN'], ...environment },
    });
    this.pid = this.#child.pid ?? 0;
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.exited = once(this.#child, 'close').then(([code, signal]: unknown[]) => ({ code, signal }) as BrocaExit);
  }

  /** Starts one without waiting for anything: for those that are to fail. */
  static launch(folder: string, environment: Record<string, string> = {}): BrocaProcess {
    return new BrocaProcess(folder, environment);
  }

  /** Starts one and waits until it says it is ready. */
  static async start(folder: string, environment: Record<string, string> = {}): Promise<BrocaProcess> {
    const broca = new BrocaProcess(folder, environment);
    const early = broca.exited.then(({ code }) =>
      Promise.reject(new Error(`Broca ended with ${code} before it was ready: ${broca.stderr}`)),
    );
    await Promise.race([broca.#isReady(), early]);
    early.catch(() => undefined);
    return broca;
  }

  /** Asks a command as the CLI does; throws with Broca's words when it refuses. */
  async ask(command: string, args: Record<string, unknown> = {}): Promise<unknown> {
    await using link = await this.connect('cli');
    link.send({ type: 'request', id: 1, command, args });
    const answer = await link.next((frame) => frame.type === 'response');
    if (answer.type !== 'response' || !answer.ok) throw new Error(answer.type === 'response' && !answer.ok ? answer.error : 'no answer');
    return answer.value;
  }

  /** Waits for a beat that fits. */
  async beat(fits: (beat: BrocaBeat) => boolean): Promise<BrocaBeat> {
    await using link = await this.connect('supervisor');
    return (await link.next((frame) => frame.type === 'beat' && fits(frame))) as BrocaBeat;
  }

  async connect(client: 'cli' | 'supervisor'): Promise<BrocaLink> {
    const path = join(this.#folder, 'run', 'broca.sock');
    const socket = await withSocketPath(path, async (fitting) => {
      const connecting = connect(fitting);
      await once(connecting, 'connect');
      return connecting;
    });
    const link = new BrocaLink(socket);
    link.send({ type: 'hello', protocol: 1, client, version: VERSION });
    return link;
  }

  async kill(signal: NodeJS.Signals): Promise<BrocaExit> {
    this.#child.kill(signal);
    return await this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  /** As soon as there is a socket: one of a start that takes long closes again before it is ready. */
  async greeted(client: 'cli' | 'supervisor'): Promise<BrocaLink> {
    for (;;) {
      const link = await this.connect(client).catch(() => null);
      if (link !== null) return link;
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) throw new Error(`Broca ended: ${this.stderr}`);
      await sleep(LOOK_EVERY_MS);
    }
  }

  async #isReady(): Promise<void> {
    const patientUntil = performance.now() + PATIENCE_MS;
    for (;;) {
      await using link = await this.greeted('cli');
      try {
        return void (await link.next((frame) => frame.type === 'ready'));
      } catch (error) {
        if (performance.now() > patientUntil) throw error;
      }
    }
  }
}

export class BrocaLink implements AsyncDisposable {
  #socket: Socket;
  #frames: BrocaFrame[] = [];
  #arrived: (() => void) | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
    const decoder = new FrameDecoder();
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      const decoded = decoder.push(chunk);
      for (const value of decoded.ok ? decoded.value : []) {
        const frame = parseBrocaFrame(value);
        if (frame.ok) this.#frames.push(frame.value);
      }
      this.#arrived?.();
    });
    socket.once('close', () => this.#arrived?.());
  }

  send(frame: ClientFrame): void {
    this.#socket.write(encodeFrame(frame));
  }

  /** The next frame that fits; earlier ones are gone with it. */
  async next(fits: (frame: BrocaFrame) => boolean): Promise<BrocaFrame> {
    const deadline = setTimeout(() => this.#socket.destroy(), PATIENCE_MS);
    try {
      for (;;) {
        const frame = this.#frames.shift();
        if (frame === undefined) {
          if (this.#socket.destroyed) throw new Error('Broca closed the connection, or did not say what was waited for');
          await new Promise<void>((resolve) => {
            this.#arrived = resolve;
          });
        } else if (fits(frame)) return frame;
      }
    } finally {
      clearTimeout(deadline);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
  }
}
