/** What runs while one connection lasts: reading the mailboxes, taking messages in, handing parts over, showing that the agent works. */
import type { ChannelContext, DeliveryOutcome, Part } from 'broca-core';
import { parseChat } from './chat-id.ts';
import { deliverPart, keyFor } from './deliver/deliver.ts';
import { Intake } from './intake/intake.ts';
import { Mailboxes } from './intake/mailboxes.ts';
import { Waiting } from './intake/waiting.ts';
import { knownPeer, reachPeer } from './peers.ts';
import { SentMessages } from './sent-messages.ts';
import type { TelegramConfig } from './settings.ts';
import type { Batch, Connection, Sent } from './telegram.ts';

export type LiveDependencies = {
  context: ChannelContext;
  config: TelegramConfig;
  connection: Connection;
  onSessionFault(error: Error): void;
  /** Messages are lost for good; in words for health. */
  onMissed(reason: string): void;
};

/** Telegram shows "typing" for five seconds or so. */
const TYPING_MS = 4_000;

export class Live {
  readonly connection: Connection;
  readonly #deps: LiveDependencies;
  readonly #over = new AbortController();
  readonly #sent: SentMessages;
  readonly #waiting: Waiting;
  readonly #intake: Intake;
  readonly #mailboxes: Mailboxes;

  constructor(deps: LiveDependencies) {
    const { context, config, connection } = deps;
    this.#deps = deps;
    this.connection = connection;
    this.#sent = new SentMessages(context.state);
    this.#waiting = new Waiting({
      context,
      account: connection.me.id,
      isBot: connection.me.isBot,
      bufferMs: config.bufferMs,
      isOurs: (chat, id) => this.#sent.isOurs(chat, id),
      connection,
      onRefused: ({ message, sender }, reason) =>
        this.#intake.refused({ chat: message.chat, externalId: String(message.id), sender }, reason),
      over: this.#over.signal,
    });
    this.#intake = new Intake({
      context,
      config,
      me: connection.me,
      waiting: this.#waiting,
      sent: this.#sent,
      now: Date.now,
      say: (chat, text, about) => this.say(chat, text, about),
    });
    this.#mailboxes = new Mailboxes(
      {
        state: context.state,
        log: context.log,
        take: (news, peers, changes) => this.#intake.take(news, peers, changes),
        hashOf: (chat) => knownPeer(context.state, chat)?.hash ?? null,
        onMissed: (reason) => deps.onMissed(reason),
        readsChannels: config.groups !== 'off',
        readsEdits: config.edits === 'tell',
      },
      connection,
      this.#over.signal,
    );
  }

  push(batch: Batch): void {
    this.#mailboxes.push(batch);
  }

  /** Lasts as long as the connection; gives why it ended. */
  async run(onReady: () => void): Promise<Error> {
    const reading = this.#mailboxes.run(onReady).then(
      () => null,
      (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
    );
    const why = await Promise.race([this.connection.ended, reading.then((fault) => fault ?? this.connection.ended)]);
    await this.end();
    return why;
  }

  async end(): Promise<void> {
    this.#over.abort();
    this.#mailboxes.save();
    await this.connection.close();
    await this.#waiting.ended();
  }

  async deliver(part: Part): Promise<DeliveryOutcome> {
    const { context, config, onSessionFault } = this.#deps;
    return await deliverPart(part, {
      connection: this.connection,
      config,
      state: context.state,
      sent: this.#sent,
      folder: context.folder,
      onSessionFault,
      onSent: (sent) => this.#wasSent(sent),
    });
  }

  /** The channel's own words. They are a courtesy: what keeps them from arriving is written down, no more. */
  say(chat: string, text: string, about: number | string): void {
    const { context } = this.#deps;
    const to = reachPeer(context.state, chat, this.connection.me.isBot);
    if (to === null) return;
    const randomId = keyFor('notice', this.connection.me.id, chat, about);
    const topic = parseChat(chat)?.topic ?? null;
    this.connection.send({ to, topic, replyTo: null, text, entities: [], randomId, hasPreview: false, media: null }).then(
      (sent) => this.#wasSent(sent),
      (error: unknown) =>
        context.log.info('telegram-notice-not-sent', { chat, reason: error instanceof Error ? error.message : String(error) }),
    );
  }

  /** Shows that somebody writes, until `over` aborts. */
  type(chat: string, over: AbortSignal): void {
    const to = reachPeer(this.#deps.context.state, chat, this.connection.me.isBot);
    const topic = parseChat(chat)?.topic ?? null;
    if (to === null || over.aborted) return;
    const show = (): void => void this.connection.type(to, topic).catch(() => undefined);
    show();
    const timer = setInterval(show, TYPING_MS);
    const stop = (): void => clearInterval(timer);
    over.addEventListener('abort', stop, { once: true });
    this.#over.signal.addEventListener('abort', stop, { once: true, signal: over });
  }

  /** What we send moves our own mailbox on. */
  #wasSent({ step }: Sent): void {
    if (step !== null) this.#mailboxes.push({ updates: [{ kind: 'other', step }], peers: [] });
  }
}
