/**
 * The other end of the test channel, as a platform with keys: it hands messages over until they are
 * acknowledged, in order; takes parts, drops a key it has seen and counts it; and is as unreliable as it
 * is told to be. What it answered to a key once it answers again.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ledger } from './ledger.ts';
import type { Message } from './message.ts';
import type { Random } from './random.ts';
import type { PlatformFrame, PluginFrame, WireMessage, WirePart } from './wire-frames.ts';

type Mood =
  | 'kill-before'
  | 'kill-after'
  | 'take'
  | 'slow'
  | 'cut-before'
  | 'cut-after'
  | 'mute-before'
  | 'mute-after'
  | 'retry'
  | 'refuse'
  | 'down';

const MOODS: Readonly<Record<Mood, number>> = {
  take: 780,
  slow: 120,
  'cut-before': 20,
  'cut-after': 30,
  'mute-before': 4,
  'mute-after': 8,
  retry: 15,
  refuse: 10,
  down: 13,
  'kill-before': 5,
  'kill-after': 8,
};
/** How often a message is handed over again although it was acknowledged, and how often the connection is cut after one. */
const AGAIN = 0.03;
const CUT_AFTER_MESSAGE = 0.02;

type Line = { socket: Socket | null; unacknowledged: WireMessage[] };

export class WirePlatform implements AsyncDisposable {
  readonly #ledger: Ledger;
  readonly #random: Random;
  readonly #lines = new Map<string, Line>();
  readonly #keys = new Map<string, 'taken' | 'refused'>();
  /** Kills an agent's Broca at the worst moment. */
  kill: (agent: string) => void = () => undefined;
  #server: Server | null = null;
  #isKind = false;
  #order = 0n;

  constructor(ledger: Ledger, random: Random) {
    this.#ledger = ledger;
    this.#random = random;
  }

  /** Gives the port: a Broca that is isolated sees no socket file of others. */
  async listen(): Promise<number> {
    this.#server = createServer((socket) => this.#accept(socket)).listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  /** From now on every message and every part goes through at once. */
  beKind(): void {
    this.#isKind = true;
  }

  get unacknowledged(): number {
    return [...this.#lines.values()].reduce((sum, line) => sum + line.unacknowledged.length, 0);
  }

  hand(message: Message): void {
    const { agent, id, chat, text } = message;
    const line = this.#line(agent);
    const sent: WireMessage = { id, chat, senderId: `person-${chat}`, text, at: Date.now() };
    line.unacknowledged.push(sent);
    if (line.socket !== null) this.#handOne(line.socket, sent);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { socket } of this.#lines.values()) socket?.destroy();
    const server = this.#server;
    if (server === null) return;
    server.close();
    await once(server, 'close');
  }

  #line(agent: string): Line {
    let line = this.#lines.get(agent);
    if (line === undefined) {
      line = { socket: null, unacknowledged: [] };
      this.#lines.set(agent, line);
    }
    return line;
  }

  #accept(socket: Socket): void {
    let rest = '';
    let agent: string | null = null;
    socket.setEncoding('utf8');
    socket.on('error', () => undefined);
    socket.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const text of lines) {
        const frame = JSON.parse(text) as PluginFrame;
        if (frame.type === 'hello') agent = frame.agent;
        if (agent !== null) this.#take(frame, agent, socket);
      }
    });
    socket.once('close', () => {
      const line = agent === null ? null : this.#line(agent);
      if (line?.socket === socket) line.socket = null;
    });
  }

  #take(frame: PluginFrame, agent: string, socket: Socket): void {
    switch (frame.type) {
      case 'hello': {
        const line = this.#line(agent);
        line.socket?.destroy();
        line.socket = socket;
        for (const message of line.unacknowledged) this.#handOne(socket, message);
        break;
      }
      case 'receipt':
        this.#acknowledge(agent, frame, socket);
        break;
      case 'part':
        void this.#takePart(frame.sending, frame.part, agent, socket);
        break;
    }
  }

  #handOne(socket: Socket, message: WireMessage): void {
    send(socket, { type: 'message', message });
    if (!this.#isKind && this.#random.chance(CUT_AFTER_MESSAGE)) this.#cut(socket);
  }

  #acknowledge(agent: string, { id, receipt, reason }: PluginFrame & { type: 'receipt' }, socket: Socket): void {
    const line = this.#line(agent);
    const message = line.unacknowledged.find((each) => each.id === id);
    if (message === undefined) return;
    line.unacknowledged = line.unacknowledged.filter((each) => each !== message);
    if (receipt === 'refused') this.#ledger.refused(id, reason);
    else this.#ledger.taken(id);
    if (this.#isKind || !this.#random.chance(AGAIN)) return;
    this.#ledger.redelivered += 1;
    send(socket, { type: 'message', message });
  }

  async #takePart(sending: number, part: WirePart, agent: string, socket: Socket): Promise<void> {
    const mood: Mood = this.#isKind ? 'take' : this.#random.weighted(MOODS);
    if (mood !== 'take') this.#ledger.fault(`channel ${mood}`);
    const answer = (given: 'taken' | 'retry' | 'refused' | 'down'): void => send(socket, { type: 'answer', sending, answer: given });
    const before = this.#keys.get(`${agent} ${part.key}`);
    if (mood === 'cut-before') return this.#cut(socket);
    if (mood === 'kill-before') return this.kill(agent);
    if (mood === 'mute-before') return;
    if (mood === 'retry' || mood === 'down') return answer(mood);
    const outcome = before ?? (mood === 'refuse' ? 'refused' : 'taken');
    if (before === undefined) this.#record(part, agent, outcome);
    else this.#ledger.dropped += 1;
    if (mood === 'cut-after') return this.#cut(socket);
    if (mood === 'kill-after') return this.kill(agent);
    if (mood === 'mute-after') return;
    if (mood === 'slow') await sleep(this.#random.between(5, 300));
    answer(outcome);
  }

  /** A part that the platform refused counts as handed over: nobody will see it, and nobody may see it later. */
  #record(part: WirePart, agent: string, outcome: 'taken' | 'refused'): void {
    this.#keys.set(`${agent} ${part.key}`, outcome);
    this.#order += 1n;
    this.#ledger.arrived({ ...part, agent, channel: 'wire', order: this.#order });
  }

  #cut(socket: Socket): void {
    this.#ledger.fault('channel connection cut');
    socket.destroy();
  }
}

function send(socket: Socket, frame: PlatformFrame): void {
  if (!socket.destroyed) socket.write(`${JSON.stringify(frame)}\n`);
}
