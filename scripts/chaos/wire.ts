/**
 * The test channel: a plugin of an agent, not built in. It is copied into the clone's `plugins/` as a file
 * of its own, so it imports nothing but Node and types.
 */
import { connect, type Socket } from 'node:net';
import type { Channel, ChannelContext, ChannelPlugin, DeliveryOutcome, Part, StandardSchemaV1 } from 'broca-core';
import type { PlatformFrame, PluginFrame, WireAnswer } from './wire-frames.ts';

const ANSWER_TIMEOUT_MS = 1_500;
const RECONNECT_MS = 50;
const DOWN_MS = 250;
/** Short, so that long answers come in several parts. */
const LONGEST_PART = 120;

type Settings = { port: number; agent: string };

const settings: StandardSchemaV1 = {
  '~standard': {
    version: 1,
    vendor: 'chaos',
    validate(value) {
      const given = (value ?? {}) as Partial<Settings>;
      if (typeof given.port !== 'number' || typeof given.agent !== 'string') return { issues: [{ message: 'needs port and agent' }] };
      return { value: { port: given.port, agent: given.agent } };
    },
  },
};

class Wire implements Channel {
  readonly #context: ChannelContext;
  readonly #settings: Settings;
  #socket: Socket | null = null;
  #isStopped = false;
  #sendings = 0;
  #waiting = new Map<number, (outcome: DeliveryOutcome) => void>();

  constructor(context: ChannelContext) {
    this.#context = context;
    this.#settings = context.settings as Settings;
  }

  async start(): Promise<void> {
    this.#context.setState('down', 'not connected yet');
    this.#connect();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#socket?.destroy();
  }

  async deliver(part: Part, signal: AbortSignal): Promise<DeliveryOutcome> {
    if (this.#socket === null) return { kind: 'down', reason: 'not connected' };
    const sending = ++this.#sendings;
    const { key, chat, turnId, number, count, inReplyTo, text } = part;
    const answered = Promise.withResolvers<DeliveryOutcome>();
    const giveUp = (): void => answered.resolve({ kind: 'uncertain', reason: 'no answer' });
    const late = setTimeout(giveUp, ANSWER_TIMEOUT_MS);
    signal.addEventListener('abort', giveUp, { once: true });
    this.#waiting.set(sending, answered.resolve);
    this.#send({ type: 'part', sending, part: { key, chat, turn: turnId, number, count, inReplyTo, text } });
    const outcome = await answered.promise;
    clearTimeout(late);
    this.#waiting.delete(sending);
    return outcome;
  }

  #connect(): void {
    const socket = connect(this.#settings.port, '127.0.0.1');
    let rest = '';
    socket.setEncoding('utf8');
    socket.once('connect', () => {
      this.#socket = socket;
      this.#send({ type: 'hello', agent: this.#settings.agent });
      this.#context.setState('up');
    });
    socket.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#take(JSON.parse(line) as PlatformFrame, socket);
    });
    socket.on('error', () => undefined);
    socket.once('close', () => this.#lost());
  }

  #lost(): void {
    this.#socket = null;
    for (const answer of this.#waiting.values()) answer({ kind: 'uncertain', reason: 'the connection was cut' });
    if (this.#isStopped) return;
    this.#context.setState('down', 'the connection was cut');
    setTimeout(() => {
      if (!this.#isStopped) this.#connect();
    }, RECONNECT_MS);
  }

  #take(frame: PlatformFrame, socket: Socket): void {
    if (socket.destroyed) return;
    if (frame.type === 'answer') {
      this.#waiting.get(frame.sending)?.(this.#outcomeOf(frame.answer));
      return;
    }
    const { id, chat, senderId, text, at } = frame.message;
    const receipt = this.#context.receive({
      channel: 'wire',
      account: '',
      chat,
      externalId: id,
      sender: { id: senderId, displayName: `Person of ${chat}` },
      text,
      attachments: [],
      at,
    });
    // Not stored: without an acknowledgement the platform sends it again, and what came after it too.
    if (receipt.kind === 'unavailable') socket.destroy();
    else this.#send({ type: 'receipt', id, receipt: receipt.kind, reason: receipt.kind === 'refused' ? receipt.reason : '' });
  }

  #outcomeOf(answer: WireAnswer): DeliveryOutcome {
    switch (answer) {
      case 'taken':
        return { kind: 'delivered' };
      case 'retry':
        return { kind: 'retry', afterMs: 100, reason: 'asked to come again' };
      case 'refused':
        return { kind: 'refused', reason: 'the chat is gone' };
      case 'down':
        this.#context.setState('down', 'the platform is down');
        setTimeout(() => {
          if (this.#socket !== null) this.#context.setState('up');
        }, DOWN_MS);
        return { kind: 'down', reason: 'the platform is down' };
    }
  }

  #send(frame: PluginFrame): void {
    this.#socket?.write(`${JSON.stringify(frame)}\n`);
  }
}

const plugin: ChannelPlugin = {
  name: 'wire',
  title: 'Wire',
  capabilities: { idempotent: true, longestPart: LONGEST_PART, markup: 'plain' },
  enabledByDefault: false,
  settings,
  create: (context) => new Wire(context),
};

// biome-ignore lint/style/noDefaultExport: a plugin is a module whose default export is one.
export default plugin;
