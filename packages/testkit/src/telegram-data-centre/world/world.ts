/** The state of all data centres together, and the only place that changes it: `commit` writes a fact down, applies it and tells. */
import crypto from 'node:crypto';
import type { Journal } from './journal.ts';
import type { Account, AuthKey, Box, BoxOwner, Fact, Group, LedgerEntry, Message, Peer, StoredFile } from './model.ts';

export type WorldListener = (fact: Fact) => void;

export class World {
  readonly accounts: Map<number, Account> = new Map();
  readonly groups: Map<number, Group> = new Map();
  readonly files: Map<bigint, StoredFile> = new Map();
  readonly keys: Map<bigint, AuthKey> = new Map();
  readonly ledger: LedgerEntry[] = [];
  /** `by:randomId` → when it was used, ms. */
  readonly #randomIds: Map<string, number> = new Map();
  /** `by:whom`. */
  readonly #blocks: Set<string> = new Set();
  readonly #boxes: Map<string, Box> = new Map();
  readonly #journal: Journal;
  readonly #listeners: Set<WorldListener> = new Set();
  readonly #clock: () => number;
  #aheadMs = 0;
  #lastPost = 0;
  #lastGroup = 1_500_000_000;

  constructor(journal: Journal, clock: () => number) {
    this.#journal = journal;
    this.#clock = clock;
    for (const fact of journal.past) this.#apply(fact);
  }

  /** Wall clock of limits and memories, ms; `advance` moves it. The protocol's own checks go by the real one. */
  now(): number {
    return this.#clock() + this.#aheadMs;
  }

  seconds(): number {
    return Math.floor(this.now() / 1000);
  }

  advance(ms: number): void {
    this.#aheadMs += ms;
  }

  listen(listener: WorldListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  commit(fact: Fact): void {
    this.#journal.append(fact);
    this.#apply(fact);
    for (const listener of [...this.#listeners]) listener(fact);
  }

  close(): void {
    this.#journal.close();
  }

  box(owner: BoxOwner): Box {
    const name = `${owner.kind}:${owner.id}`;
    const box = this.#boxes.get(name) ?? { pts: 1, lastMessageId: 0, messages: new Map(), log: [], forgottenPts: 1 };
    this.#boxes.set(name, box);
    return box;
  }

  /** The box in which `account` sees the messages of a chat. */
  ownerOf(account: number, peer: Peer): BoxOwner {
    return peer.kind === 'channel' ? { kind: 'channel', id: peer.id } : { kind: 'account', id: account };
  }

  /** The chat's messages as the account sees them, in order. */
  history(account: number, peer: Peer): Message[] {
    return [...this.box(this.ownerOf(account, peer)).messages.values()].filter(
      (message) => message.peer.kind === peer.kind && message.peer.id === peer.id,
    );
  }

  nextPost(): number {
    this.#lastPost += 1;
    return this.#lastPost;
  }

  nextGroupId(): number {
    this.#lastGroup += 1;
    return this.#lastGroup;
  }

  accountBy(fits: (account: Account) => boolean): Account | undefined {
    return [...this.accounts.values()].find(fits);
  }

  /** The permanent key that this one is or, if it is a temporary one, stands for; undefined while it is bound to none. */
  permanentKey(id: bigint): AuthKey | undefined {
    const key = this.keys.get(id);
    if (key === undefined || key.expiresAt === null) return key;
    return key.boundTo === null ? undefined : this.keys.get(key.boundTo);
  }

  isBlocked(by: number, whom: number): boolean {
    return this.#blocks.has(`${by}:${whom}`);
  }

  /** When (ms) this account used the random id; undefined when it did not, or that is forgotten. */
  randomIdUsedAt(by: number, randomId: bigint): number | undefined {
    return this.#randomIds.get(`${by}:${randomId}`);
  }

  /** The hash by which `viewer` may name the peer. Each viewer has another. */
  accessHash(viewer: number, peer: Peer): bigint {
    const digest = crypto.createHash('sha256').update(`${viewer} ${peer.kind} ${peer.id}`).digest();
    return digest.readBigInt64LE();
  }

  #apply(fact: Fact): void {
    switch (fact.kind) {
      case 'account':
        this.accounts.set(fact.account.id, fact.account);
        return;
      case 'group':
        this.groups.set(fact.group.id, fact.group);
        this.#lastGroup = Math.max(this.#lastGroup, fact.group.id);
        return;
      case 'file':
        this.files.set(fact.file.id, fact.file);
        return;
      case 'key':
        this.keys.set(fact.key.id, fact.key);
        return;
      case 'key-gone':
        this.keys.delete(fact.id);
        return;
      case 'blocked':
        if (fact.isBlocked) this.#blocks.add(`${fact.by}:${fact.whom}`);
        else this.#blocks.delete(`${fact.by}:${fact.whom}`);
        return;
      case 'random-ids-forgotten':
        for (const name of [...this.#randomIds.keys()]) if (name.startsWith(`${fact.by}:`)) this.#randomIds.delete(name);
        return;
      default:
        this.#applyToMessages(fact);
    }
  }

  #applyToMessages(fact: Extract<Fact, { kind: 'posted' | 'edited' | 'deleted' | 'not-stored' | 'updates-forgotten' }>): void {
    switch (fact.kind) {
      case 'posted':
        for (const { owner, pts, message } of fact.messages) this.#store(this.box(owner), pts, message);
        if (fact.ledger !== null) this.#enter(fact.ledger);
        return;
      case 'not-stored':
        this.ledger.push(fact.ledger);
        return;
      case 'edited': {
        const box = this.box(fact.owner);
        const message = box.messages.get(fact.messageId);
        if (message !== undefined) Object.assign(message, { text: fact.text, entities: fact.entities, editedAt: fact.date });
        log(box, { kind: 'edit', pts: fact.pts, messageIds: [fact.messageId], date: fact.date });
        return;
      }
      case 'deleted': {
        const box = this.box(fact.owner);
        for (const id of fact.messageIds) box.messages.delete(id);
        log(box, { kind: 'delete', pts: fact.pts, messageIds: fact.messageIds, date: fact.date });
        return;
      }
      case 'updates-forgotten': {
        const box = this.box(fact.owner);
        box.log.length = 0;
        box.forgottenPts = box.pts;
        return;
      }
    }
  }

  #store(box: Box, pts: number, message: Message): void {
    box.messages.set(message.id, message);
    box.lastMessageId = Math.max(box.lastMessageId, message.id);
    this.#lastPost = Math.max(this.#lastPost, message.post);
    log(box, { kind: 'new', pts, messageIds: [message.id], date: message.date });
  }

  #enter(entry: LedgerEntry): void {
    this.ledger.push(entry);
    this.#randomIds.set(`${entry.by}:${entry.randomId}`, entry.at);
  }
}

function log(box: Box, update: Box['log'][number]): void {
  box.log.push(update);
  box.pts = Math.max(box.pts, update.pts);
}
