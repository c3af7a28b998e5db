/**
 * Questions that wait for something: a file, the rest of an album, what they answer. They are stored in the channel's
 * state, so nothing is lost by a crash; each goes to Broca, and out of the state, in one transaction. Order is kept
 * within a chat, and no chat holds another.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Attachment, ChannelContext } from 'broca-core';
import { reachPeer } from '../peers.ts';
import { type Connection, ConnectionLost, type ReceivedMessage, type RemoteFile, TelegramError } from '../telegram.ts';
import { type Question, quotedReply, type Reply, readWaiting, toInbound, waitKey } from './question.ts';

/** An album comes as messages one after the other, and nothing says which is the last. */
const ALBUM_QUIET_MS = 800;
const MOST_IN_ALBUM = 10;
const RETRY_MS = 2_000;
/** A file that cannot be had is told of, and does not hold its chat for ever. */
const MOST_TRIES = 5;

export type WaitingDependencies = {
  context: Pick<ChannelContext, 'state' | 'receiveAll' | 'storeAttachment' | 'log'>;
  account: string;
  isBot: boolean;
  bufferMs: number;
  isOurs(chat: string, id: number): boolean;
  connection: Connection;
  /** A message was not taken, for a reason that its sender may be told. */
  onRefused(question: Question, reason: string): void;
  over: AbortSignal;
};

type Entry = { question: Question; arrivedAt: number };

export class Waiting {
  readonly #deps: WaitingDependencies;
  readonly #chats = new Map<string, Entry[]>();
  readonly #running = new Set<Promise<void>>();
  #news = Promise.withResolvers<void>();

  constructor(deps: WaitingDependencies) {
    this.#deps = deps;
    this.add(readWaiting((prefix) => deps.context.state.list(prefix)));
  }

  holds(chat: string): boolean {
    return this.#chats.has(chat);
  }

  /** They are stored already. */
  add(questions: readonly Question[]): void {
    for (const question of questions) {
      const { chat } = question.message;
      const entry = { question, arrivedAt: performance.now() };
      const queue = this.#chats.get(chat);
      if (queue !== undefined) queue.push(entry);
      else this.#begin(chat, [entry]);
    }
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  /** Settles when nothing is worked on any more; call it after `over` has aborted. */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }

  #begin(chat: string, queue: Entry[]): void {
    this.#chats.set(chat, queue);
    const running = this.#drain(queue).finally(() => {
      this.#running.delete(running);
      this.#chats.delete(chat);
    });
    this.#running.add(running);
  }

  async #drain(queue: Entry[]): Promise<void> {
    const { over, context } = this.#deps;
    let tries = 0;
    while (queue.length > 0 && !over.aborted) {
      const together = await this.#together(queue);
      if (together === null) return;
      tries += 1;
      const outcome = await this.#pass(together, tries >= MOST_TRIES).catch((error: unknown): Outcome => {
        if (error instanceof ConnectionLost) return { kind: 'later', afterMs: RETRY_MS };
        throw error;
      });
      if (outcome.kind === 'passed') {
        queue.splice(0, together.length);
        tries = 0;
      } else {
        if (outcome.afterMs > RETRY_MS) context.log.info('telegram-file-waits', { afterMs: outcome.afterMs });
        await sleep(outcome.afterMs, undefined, { signal: over }).catch(() => undefined);
      }
    }
  }

  /** The foremost question, with the rest of its album once no more of it comes. Null when it is over. */
  async #together(queue: Entry[]): Promise<[Question, ...Question[]] | null> {
    for (;;) {
      const [first, ...rest] = queue;
      if (first === undefined || this.#deps.over.aborted) return null;
      const { album } = first.question.message;
      if (album === null || first.question.isEdit) return [first.question];
      const behind = rest.findIndex(({ question }) => question.message.album !== album);
      const others = behind === -1 ? rest : rest.slice(0, behind);
      const quietMs = performance.now() - (others.at(-1) ?? first).arrivedAt;
      if (quietMs >= ALBUM_QUIET_MS || others.length + 1 >= MOST_IN_ALBUM || behind !== -1) {
        return [first.question, ...others.map(({ question }) => question)];
      }
      const timer = new AbortController();
      const pause = sleep(ALBUM_QUIET_MS - quietMs, undefined, { signal: AbortSignal.any([timer.signal, this.#deps.over]) });
      await Promise.race([pause.catch(() => undefined), this.#news.promise]);
      timer.abort();
    }
  }

  /** Fetches what is missing and hands the message over. `isLastTry`: what cannot be had now is missed for good. */
  async #pass(questions: [Question, ...Question[]], isLastTry: boolean): Promise<Outcome> {
    const { context, account, bufferMs } = this.#deps;
    const attachments: Attachment[] = [];
    for (const { message } of questions) {
      if (message.file === null) continue;
      const fetched = await this.#fetch(message, message.file, isLastTry);
      if (fetched.kind === 'later') return fetched;
      attachments.push(fetched.attachment);
    }
    const reply = await this.#reply(questions[0]);
    const inbound = toInbound(questions, { account, reply, attachments, joinWithinMs: bufferMs });
    const done = Object.fromEntries(questions.map((question) => [waitKey(question), null]));
    const [receipt] = context.receiveAll([inbound], done);
    if (receipt?.kind === 'refused') this.#deps.onRefused(questions[0], receipt.reason);
    return receipt?.kind === 'unavailable' ? { kind: 'later', afterMs: RETRY_MS } : { kind: 'passed' };
  }

  async #fetch(message: ReceivedMessage, file: RemoteFile, isLastTry: boolean): Promise<{ kind: 'had'; attachment: Attachment } | Later> {
    const first = await this.#store(file);
    const isExpired = first.failure instanceof TelegramError && first.failure.word.startsWith('FILE_REFERENCE_');
    const { receipt, failure } = isExpired ? await this.#store((await this.#again(message)) ?? file) : first;
    if (receipt.kind !== 'unavailable') return { kind: 'had', attachment: receipt.attachment };
    const waitMs = failure instanceof TelegramError ? failure.waitMs : null;
    if (waitMs !== null) return { kind: 'later', afterMs: waitMs };
    // The disk or the connection: both mend.
    if (failure === null || failure instanceof ConnectionLost) return { kind: 'later', afterMs: RETRY_MS };
    if (!isLastTry && !(failure instanceof TelegramError && failure.code === 400)) return { kind: 'later', afterMs: RETRY_MS };
    const missed = `Telegram did not give it out: ${failure instanceof Error ? failure.message : String(failure)}`;
    return { kind: 'had', attachment: { missed, ...(file.name === undefined ? {} : { name: file.name }) } };
  }

  /** `failure`: why it could not be read; null when it could not be kept. */
  async #store(file: RemoteFile) {
    let failure: unknown = null;
    const { connection, context } = this.#deps;
    const source = async function* () {
      try {
        yield* connection.download(file);
      } catch (error) {
        failure = error;
        throw error;
      }
    };
    const receipt = await context.storeAttachment(source(), file.name === undefined ? {} : { name: file.name });
    return { receipt, failure: failure as unknown };
  }

  /** The file with a reference that is valid now; null when the message is gone. */
  async #again({ chat, id }: ReceivedMessage): Promise<RemoteFile | null> {
    const message = await this.#message(chat, id);
    return message?.found.file ?? null;
  }

  async #message(chat: string, id: number) {
    const { context, connection, isBot } = this.#deps;
    const peer = reachPeer(context.state, chat, isBot);
    if (peer === null) return null;
    const { messages, peers } = await connection.messages(peer, [id]);
    const found = messages.find((one) => one.id === id);
    return found === undefined ? null : { found, peers };
  }

  async #reply(question: Question): Promise<Reply | null> {
    const { replyTo, chat } = question.message;
    if (replyTo === null) return null;
    const isOurs = this.#deps.isOurs(chat, replyTo.id);
    if (replyTo.quote !== null) return quotedReply(question, isOurs);
    const answered = await this.#message(chat, replyTo.id).catch((error: unknown) => {
      // What it answers is a help, no more.
      if (error instanceof TelegramError) return null;
      throw error;
    });
    if (answered === null) return null;
    const { found, peers } = answered;
    const text = found.text.trim() === '' ? (found.file?.name ?? found.extra ?? '') : found.text;
    if (text === '') return null;
    const who = peers.find((peer) => peer.chat === found.from)?.name ?? 'somebody';
    return { who: isOurs || found.isOut || found.from === this.#deps.account ? null : who, text };
  }
}

type Later = { kind: 'later'; afterMs: number };
type Outcome = { kind: 'passed' } | Later;
