/**
 * Reads the account's mailboxes in order and without gaps: what Telegram pushes, and what it must be asked for after
 * a start, a reconnect or a gap. Everything is handed on in order, one piece at a time, and a mailbox counts as read
 * only as far as what came from it is stored.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChannelLog, ChannelState, StateChanges } from 'broca-core';
import { parseChat } from '../chat-id.ts';
import {
  type Batch,
  type Connection,
  type MailboxState,
  type Peer,
  type PeerRef,
  type ReceivedMessage,
  TelegramError,
  type Update,
} from '../telegram.ts';
import { fetchById, fetchEdited } from './fetch-by-id.ts';
import { judgeStep } from './mailbox-policy.ts';
import { CHANNEL_NEWEST, CHANNEL_PLACE, NEWEST, type Newest, newer, PLACE, readNewest, readPlace, writeNewest } from './places.ts';

/** Something new: a message, or its new wording. */
export type News = { message: ReceivedMessage; isEdit: boolean };

/** Stores news and changes in one go; false when it could not be stored now. */
export type Take = (news: readonly News[], peers: readonly Peer[], changes: StateChanges) => boolean;

export type MailboxesDependencies = {
  state: ChannelState;
  log: ChannelLog;
  take: Take;
  /** The chat's hash; null when nothing is known of it. */
  hashOf(chat: string): string | null;
  /** Something was written that can not be read any more; in words for health. */
  onMissed(reason: string): void;
  /** Whether groups and channels are read at all. */
  readsChannels: boolean;
  /** Whether changes of messages are news. */
  readsEdits: boolean;
};

/** A push may overtake another one: what is missing is asked for after this long. */
const GAP_PATIENCE_MS = 500;
const STORE_RETRY_MS = 2_000;
const REFUSED_RETRY_MS = 30_000;
/** What moves a mailbox on without a message is written down with the next message, or so much later. */
const LAZY_MS = 10_000;
/** Whom Telegram mentions without a message of theirs is not remembered without end. */
const MOST_PEERS = 1_000;

/** The account's own mailbox; channels are named by their chat. */
type Mailbox = string | null;
/** Messages of the own mailbox are asked for by their id alone. */
const OWN: PeerRef = { kind: 'user', id: '0', hash: '0' };

export class Mailboxes {
  readonly #deps: MailboxesDependencies;
  readonly #connection: Connection;
  readonly #over: AbortSignal;
  #own: MailboxState | null = null;
  readonly #channels = new Map<string, number>();
  /** The newest message that is stored, of each mailbox. */
  #newest = new Map<Mailbox, Newest>();
  readonly #pushed: Batch[] = [];
  /** Steps behind a gap. */
  #held: Update[] = [];
  readonly #peers = new Map<string, Peer>();
  readonly #behind = new Set<Mailbox>();
  #unsaved = new Set<Mailbox>();
  #wake: () => void = () => undefined;
  #timer: NodeJS.Timeout | null = null;

  constructor(deps: MailboxesDependencies, connection: Connection, over: AbortSignal) {
    this.#deps = deps;
    this.#connection = connection;
    this.#over = over;
    over.addEventListener('abort', () => this.#wake(), { once: true });
  }

  push(batch: Batch): void {
    this.#pushed.push(batch);
    this.#wake();
  }

  /** Catches up, calls `onReady`, and reads on until the connection is over. Rejects with why it cannot. */
  async run(onReady: () => void): Promise<void> {
    await this.#begin();
    await this.#askForAll();
    onReady();
    while (!this.#over.aborted) {
      const batch = this.#pushed.shift();
      if (batch !== undefined) this.#read(batch);
      else if (this.#behind.size > 0) await this.#askForAll();
      else await this.#idle();
    }
    this.save();
  }

  /** Writes down how far was read. */
  save(): void {
    if (this.#unsaved.size === 0) return;
    if (this.#deps.state.put(this.#places(this.#unsaved))) this.#unsaved = new Set();
  }

  async #begin(): Promise<void> {
    const { state } = this.#deps;
    this.#own = readPlace(state.get(PLACE));
    if (this.#own === null) {
      this.#own = await this.#connection.state();
      state.put(this.#places(new Set([null])));
    } else this.#behind.add(null);
    const newest = readNewest(state.get(NEWEST));
    if (newest !== null) this.#newest.set(null, newest);
    for (const [key, value] of this.#deps.readsChannels ? state.list(CHANNEL_PLACE) : []) {
      const chat = key.slice(CHANNEL_PLACE.length);
      this.#channels.set(chat, Number(value));
      const newestOfIt = readNewest(state.get(CHANNEL_NEWEST + chat));
      if (newestOfIt !== null) this.#newest.set(chat, newestOfIt);
      this.#behind.add(chat);
    }
  }

  async #idle(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const lazy = this.#unsaved.size === 0 ? null : setTimeout(() => this.save(), LAZY_MS);
    if (!this.#over.aborted) await promise;
    if (lazy !== null) clearTimeout(lazy);
  }

  #read({ updates, peers }: Batch): void {
    for (const peer of peers) this.#peers.set(peer.chat, peer);
    this.#takeInOrder(updates);
  }

  /** Takes the steps that are next, and holds those behind a gap until what is missing has come or was asked for. */
  #takeInOrder(updates: readonly Update[]): void {
    const ready: Update[] = [];
    let waiting = [...this.#held, ...updates];
    const places = new Map<Mailbox, number | null>();
    for (let isMoving = true; isMoving; ) {
      isMoving = false;
      const still: Update[] = [];
      for (const update of waiting) {
        if (update.kind === 'behind') {
          if (this.#isRead(update.channel)) this.#behind.add(update.channel);
          continue;
        }
        const { channel, pts } = update.step;
        if (!this.#isRead(channel)) continue;
        const place = places.has(channel) ? (places.get(channel) ?? null) : this.#place(channel);
        const verdict = judgeStep(place, update.step);
        // Without what is known of its sender a message must be asked for in full.
        if (verdict === 'gap' || (verdict === 'apply' && this.#lacks(update))) still.push(update);
        else if (verdict === 'apply') {
          places.set(channel, pts);
          ready.push(update);
          isMoving = true;
        }
      }
      waiting = still;
    }
    this.#held = waiting;
    if (ready.length > 0) this.#apply(ready);
    if (this.#held.length > 0) this.#askSoon();
  }

  #isRead(channel: Mailbox): boolean {
    return channel === null || this.#deps.readsChannels;
  }

  #lacks(update: Update): boolean {
    if (update.kind !== 'message' || !update.isPartial || update.message.isOut) return false;
    const { from } = update.message;
    return from !== null && !this.#peers.has(from) && this.#deps.hashOf(from) === null;
  }

  #askSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      for (const update of this.#held) if (update.kind !== 'behind') this.#behind.add(update.step.channel);
      this.#wake();
    }, GAP_PATIENCE_MS);
  }

  #apply(updates: readonly Update[]): void {
    for (const update of updates) {
      if (update.kind === 'other' && update.fault !== undefined) this.#deps.log.warn('telegram-update-unread', { reason: update.fault });
    }
    const news = updates.flatMap((update): News[] => (update.kind === 'message' ? [update] : []));
    const moved = new Map<Mailbox, number>();
    for (const update of updates) if (update.kind !== 'behind') moved.set(update.step.channel, update.step.pts);
    const newest = Math.max(0, ...news.map(({ message }) => Math.floor(message.at / 1000)));
    const before = this.#snapshot();
    for (const [channel, pts] of moved) this.#move(channel, pts, newest);
    if (news.length === 0) {
      this.#later(moved.keys());
      if (this.#peers.size > MOST_PEERS && this.#held.length === 0) this.#peers.clear();
      return;
    }
    if (this.#store(news)) return;
    // As if nothing of it had come: it is asked for again.
    this.#restore(before);
    this.#askAfter(moved.keys(), STORE_RETRY_MS);
  }

  #store(news: readonly News[], also: Iterable<Mailbox> = []): boolean {
    const changed = new Set([...this.#unsaved, ...also, ...news.map(({ message }) => this.#mailboxOf(message))]);
    const peers = [...this.#peers.values()];
    const newest = new Map(this.#newest);
    for (const { message } of news) {
      const mailbox = this.#mailboxOf(message);
      newest.set(mailbox, newer(newest.get(mailbox), message));
    }
    if (!this.#deps.take(news, peers, this.#places(changed, newest))) return false;
    this.#newest = newest;
    this.#unsaved = new Set();
    this.#peers.clear();
    return true;
  }

  #mailboxOf({ chat }: ReceivedMessage): Mailbox {
    const parsed = parseChat(chat);
    return parsed?.kind === 'channel' ? parsed.chat : null;
  }

  async #askForAll(): Promise<void> {
    for (const mailbox of [...this.#behind]) {
      if (this.#over.aborted) return;
      this.#behind.delete(mailbox);
      const isDone = await this.#askFor(mailbox).catch((error: unknown) => this.#refused(mailbox, error));
      if (!isDone) this.#askAfter([mailbox], STORE_RETRY_MS);
    }
    this.#takeInOrder([]);
  }

  /** False when it could not be stored now. */
  async #askFor(mailbox: Mailbox): Promise<boolean> {
    for (let isMore = true; isMore && !this.#over.aborted; ) {
      const step = mailbox === null ? await this.#askForOwn() : await this.#askForChannel(mailbox);
      if (step === 'not-stored') return false;
      isMore = step === 'more';
    }
    return true;
  }

  async #askForOwn(): Promise<'more' | 'done' | 'not-stored'> {
    const since = this.#own;
    if (since === null) return 'done';
    const found = await this.#connection.difference(since);
    if (found.kind === 'too-long') {
      if (!(await this.#askById(null, OWN, found.pts - since.pts))) return 'not-stored';
      this.#own = { ...since, pts: found.pts };
      this.#later([null]);
      return 'more';
    }
    this.#own = found.state;
    const isStored = this.#takeFound(found.messages, found.updates, found.peers, null);
    if (!isStored) this.#own = since;
    if (!isStored) return 'not-stored';
    return found.isMore ? 'more' : 'done';
  }

  async #askForChannel(chat: string): Promise<'more' | 'done' | 'not-stored'> {
    const since = this.#channels.get(chat);
    const parsed = parseChat(chat);
    const hash = this.#peers.get(chat)?.hash ?? this.#deps.hashOf(chat);
    if (since === undefined || parsed === null || hash === null) return 'done';
    const channel: PeerRef = { kind: 'channel', id: parsed.id, hash };
    const found = await this.#connection.channelDifference(channel, since);
    if (found.kind === 'too-long') {
      if (!(await this.#askById(chat, channel, found.pts - since))) return 'not-stored';
      this.#channels.set(chat, found.pts);
      this.#later([chat]);
      return 'done';
    }
    this.#channels.set(chat, found.pts);
    if (!this.#takeFound(found.messages, found.updates, found.peers, chat)) {
      this.#channels.set(chat, since);
      return 'not-stored';
    }
    return found.isMore ? 'more' : 'done';
  }

  /** What Telegram tells of no more by itself: at most `steps` messages. False when it could not be stored now. */
  async #askById(mailbox: Mailbox, chat: PeerRef, steps: number): Promise<boolean> {
    const newest = this.#newest.get(mailbox);
    if (newest === undefined) {
      this.#deps.log.warn('telegram-messages-missed', { mailbox, steps });
      this.#deps.onMissed('it was away for so long that Telegram does not tell what was written meanwhile: ask people to write again');
      return true;
    }
    const { id: after, at } = newest;
    const take = (isEdit: boolean, { messages, peers }: { messages: ReceivedMessage[]; peers: Peer[] }): boolean => {
      for (const peer of peers) this.#peers.set(peer.chat, peer);
      return !this.#over.aborted && (messages.length === 0 || this.#store(messages.map((message) => ({ message, isEdit }))));
    };
    const isTold = this.#deps.readsEdits && at !== null;
    if (isTold && !take(true, await fetchEdited(this.#connection, chat, { id: after, at }))) return false;
    for await (const found of fetchById(this.#connection, chat, after, steps)) if (!take(false, found)) return false;
    this.#deps.log.info('telegram-messages-asked-by-id', { mailbox, after, newest: this.#newest.get(mailbox)?.id });
    return true;
  }

  /** Everything that a difference holds is behind its state, whatever its numbers say. */
  #takeFound(messages: readonly ReceivedMessage[], updates: readonly Update[], peers: readonly Peer[], mailbox: Mailbox): boolean {
    for (const peer of peers) this.#peers.set(peer.chat, peer);
    const others: Update[] = [];
    const news: News[] = messages.map((message) => ({ message, isEdit: false }));
    for (const update of updates) {
      if (update.kind === 'message' && update.step.channel === mailbox) news.push(update);
      else if (update.kind === 'behind' || update.step.channel !== mailbox) others.push(update);
    }
    news.sort((one, other) => one.message.id - other.message.id || Number(one.isEdit) - Number(other.isEdit));
    const isStored = news.length === 0 ? this.#later([mailbox]) : this.#store(news, [mailbox]);
    if (isStored) this.#held = this.#held.filter((update) => update.kind === 'behind' || this.#verdict(update) !== 'old');
    if (isStored && others.length > 0) this.#pushed.unshift({ updates: others, peers: [] });
    return isStored;
  }

  #verdict(update: Exclude<Update, { kind: 'behind' }>) {
    return judgeStep(this.#place(update.step.channel), update.step);
  }

  /** Telegram's refusal of a difference; true when there is nothing more to be done about it. */
  async #refused(mailbox: Mailbox, error: unknown): Promise<boolean> {
    if (!(error instanceof TelegramError) || error.code === 401 || error.code === 406) throw error;
    this.#deps.log.warn('telegram-difference-refused', { mailbox, reason: error.word });
    if (mailbox !== null && /^(CHANNEL_|CHAT_|USER_NOT_PARTICIPANT|PERSISTENT_TIMESTAMP_INVALID)/.test(error.word)) {
      this.#channels.delete(mailbox);
      this.#newest.delete(mailbox);
      this.#deps.state.put({ [CHANNEL_PLACE + mailbox]: null, [CHANNEL_NEWEST + mailbox]: null });
      return true;
    }
    if (mailbox === null && /^PERSISTENT_TIMESTAMP_(INVALID|EMPTY)$/.test(error.word)) {
      const state = await this.#connection.state();
      if (!(await this.#askById(null, OWN, 0))) return false;
      this.#own = state;
      return this.#later([null]);
    }
    this.#askAfter([mailbox], error.waitMs ?? REFUSED_RETRY_MS);
    return true;
  }

  #askAfter(mailboxes: Iterable<Mailbox>, ms: number): void {
    const all = [...mailboxes];
    sleep(ms, undefined, { signal: this.#over }).then(
      () => {
        for (const mailbox of all) this.#behind.add(mailbox);
        this.#wake();
      },
      () => undefined,
    );
  }

  #later(mailboxes: Iterable<Mailbox>): true {
    for (const mailbox of mailboxes) this.#unsaved.add(mailbox);
    return true;
  }

  #place(mailbox: Mailbox): number | null {
    return mailbox === null ? (this.#own?.pts ?? null) : (this.#channels.get(mailbox) ?? null);
  }

  #move(mailbox: Mailbox, pts: number, date: number): void {
    if (mailbox !== null) this.#channels.set(mailbox, pts);
    else if (this.#own !== null) this.#own = { ...this.#own, pts, date: Math.max(this.#own.date, date) };
  }

  #snapshot(): { own: MailboxState | null; channels: Map<string, number> } {
    return { own: this.#own, channels: new Map(this.#channels) };
  }

  #restore({ own, channels }: { own: MailboxState | null; channels: Map<string, number> }): void {
    this.#own = own;
    this.#channels.clear();
    for (const [chat, pts] of channels) this.#channels.set(chat, pts);
  }

  #places(mailboxes: Iterable<Mailbox>, newest: ReadonlyMap<Mailbox, Newest> = this.#newest): StateChanges {
    const changes: Record<string, string | null> = {};
    for (const mailbox of mailboxes) {
      if (mailbox === null) changes[PLACE] = JSON.stringify(this.#own);
      else changes[CHANNEL_PLACE + mailbox] = String(this.#channels.get(mailbox) ?? 0);
      const stored = newest.get(mailbox);
      if (stored !== undefined) changes[mailbox === null ? NEWEST : CHANNEL_NEWEST + mailbox] = writeNewest(stored);
    }
    return changes;
  }
}
