/** The test's end of puppet workers: knows each that is up, tells it what to do, and hears what it was told. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { type ClientFrame, encodeFrame, FrameDecoder } from 'animus-protocol';
import { hostPid, hostPidBeside } from './host-pid.ts';
import { type PuppetOrder, type PuppetSettings, parseSaying, type Straying } from './orders.ts';

export class Puppet {
  readonly agent: string;
  readonly pid: number;
  readonly nonce: string | null;
  /** Resolves when its process is gone. */
  readonly gone: Promise<void>;
  #socket: net.Socket;
  #heard: ClientFrame[] = [];
  #waiting: { type: ClientFrame['type']; resolve: (frame: ClientFrame) => void }[] = [];
  #ordered: { order: PuppetOrder['do']; resolve: () => void }[] = [];
  #grandchild = Promise.withResolvers<number>();

  constructor(socket: net.Socket, agent: string, pid: number, nonce: string | null) {
    this.#socket = socket;
    this.agent = agent;
    this.pid = pid;
    this.nonce = nonce;
    this.gone = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  do(order: PuppetOrder): void {
    this.#socket.write(encodeFrame(order));
  }

  /** The same, and resolves when it has done it: what another socket brings it next finds it so. */
  async did(order: PuppetOrder): Promise<void> {
    const done = new Promise<void>((resolve) => this.#ordered.push({ order: order.do, resolve }));
    this.do(order);
    await done;
  }

  /** The next frame of a type that the supervisor sent it; those that came before count once. */
  async heard(type: ClientFrame['type']): Promise<ClientFrame> {
    const index = this.#heard.findIndex((frame) => frame.type === type);
    const [frame] = index === -1 ? [] : this.#heard.splice(index, 1);
    return frame ?? (await new Promise((resolve) => this.#waiting.push({ type, resolve })));
  }

  /** All that it heard and nobody asked for yet, once it is gone. */
  async heardAll(): Promise<ClientFrame[]> {
    await this.gone;
    return this.#heard;
  }

  /** Has it start a child that ignores SIGTERM, and gives the child's pid. */
  async startGrandchild(strays: Straying = 'not'): Promise<number> {
    this.#grandchild = Promise.withResolvers<number>();
    this.do({ do: 'grandchild', strays });
    return await this.#grandchild.promise;
  }

  /** For the stage. */
  takeFrame(frame: ClientFrame): void {
    const index = this.#waiting.findIndex(({ type }) => type === frame.type);
    const [waiting] = index === -1 ? [] : this.#waiting.splice(index, 1);
    if (waiting === undefined) this.#heard.push(frame);
    else waiting.resolve(frame);
  }

  /** For the stage. */
  takeDone(order: PuppetOrder['do']): void {
    const index = this.#ordered.findIndex((each) => each.order === order);
    const [done] = index === -1 ? [] : this.#ordered.splice(index, 1);
    done?.resolve();
  }

  /** For the stage. */
  takeGrandchild(pid: number): void {
    this.#grandchild.resolve(hostPidBeside(this.pid, pid));
  }
}

export class PuppetStage implements AsyncDisposable {
  /** The puppet program: run it with Node in an agent's folder that `furnish` made. */
  static readonly program: string = path.join(import.meta.dirname, 'main.ts');
  /** Where its socket is. */
  readonly folder: string = mkdtempSync(path.join(os.tmpdir(), 'animus-stage-'));
  #server = net.createServer((socket) => this.#greet(socket));
  #live = new Map<Puppet, net.Socket>();
  #queued: Puppet[] = [];
  #waiting: { agent: string; resolve: (puppet: Puppet) => void }[] = [];
  #most = new Map<string, number>();

  static async open(): Promise<PuppetStage> {
    const stage = new PuppetStage();
    await new Promise<void>((resolve) => stage.#server.listen(stage.#socketPath, resolve));
    return stage;
  }

  /** Makes an agent's folder whose puppet comes to this stage. */
  furnish(folder: string, { isReady, protocol }: { isReady: boolean; protocol?: number }): void {
    for (const name of ['run', 'logs', 'inbox']) mkdirSync(path.join(folder, name), { recursive: true });
    const settings: PuppetSettings = { stage: this.#socketPath, isReady, ...(protocol === undefined ? {} : { protocol }) };
    writeFileSync(path.join(folder, 'puppet.json'), JSON.stringify(settings));
  }

  /** The next puppet of an agent that comes up; each is given once. */
  async next(agent: string): Promise<Puppet> {
    const index = this.#queued.findIndex((puppet) => puppet.agent === agent);
    const [puppet] = index === -1 ? [] : this.#queued.splice(index, 1);
    return puppet ?? (await new Promise((resolve) => this.#waiting.push({ agent, resolve })));
  }

  /** Those whose process lives now, whatever their sockets have told yet. */
  live(agent: string): Puppet[] {
    return [...this.#live.keys()].filter((puppet) => puppet.agent === agent && isRunning(puppet.pid));
  }

  /** How many of an agent's puppets were ever up at the same time. */
  mostAtOnce(agent: string): number {
    return this.#most.get(agent) ?? 0;
  }

  /** Ends every puppet, hung ones too. */
  async [Symbol.asyncDispose](): Promise<void> {
    const gone = [...this.#live.keys()].map((puppet) => puppet.gone);
    for (const puppet of this.#live.keys()) kill(puppet.pid);
    await Promise.all(gone);
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    rmSync(this.folder, { recursive: true, force: true });
  }

  get #socketPath(): string {
    return path.join(this.folder, 'stage.sock');
  }

  #greet(socket: net.Socket): void {
    const decoder = new FrameDecoder();
    let puppet: Puppet | null = null;
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      const frames = decoder.push(chunk);
      for (const value of frames.ok ? frames.value : []) {
        const saying = parseSaying(value);
        if (saying.say === 'up')
          puppet = this.#take(socket, new Puppet(socket, saying.agent, hostPid(saying.pid, saying.nonce), saying.nonce));
        else if (saying.say === 'heard') puppet?.takeFrame(saying.frame);
        else if (saying.say === 'done') puppet?.takeDone(saying.order);
        else puppet?.takeGrandchild(saying.pid);
      }
    });
  }

  #take(socket: net.Socket, puppet: Puppet): Puppet {
    this.#live.set(puppet, socket);
    socket.once('close', () => this.#live.delete(puppet));
    this.#most.set(puppet.agent, Math.max(this.mostAtOnce(puppet.agent), this.live(puppet.agent).length));
    const index = this.#waiting.findIndex(({ agent }) => agent === puppet.agent);
    const [waiting] = index === -1 ? [] : this.#waiting.splice(index, 1);
    if (waiting === undefined) this.#queued.push(puppet);
    else waiting.resolve(puppet);
    return puppet;
  }
}

/** A zombie runs no more. */
function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was on its way out.
  }
}
