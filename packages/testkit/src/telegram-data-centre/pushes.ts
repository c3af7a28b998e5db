/**
 * News on their way to clients: each change of a box becomes a push to every session that wants news, at once and in order,
 * unless a test holds them back, and then in the order and as often as it says. What no session took, a client fetches by
 * getDifference.
 */
import { toMessage, toPeer } from './api/objects.ts';
import { namedIn } from './api/peers.ts';
import { type Answer, Api, big } from './api/tl.ts';
import { toUpdate } from './api/update-methods.ts';
import { gzipIfSmaller } from './mtproto/service.ts';
import type { Session } from './mtproto/session.ts';
import type { BoxOwner, Fact, LoggedUpdate, Message } from './world/model.ts';
import type { World } from './world/world.ts';

export type ReleaseOrder = 'in-order' | 'reversed' | 'twice' | 'dropped';

type News = { owner: BoxOwner; update: LoggedUpdate; origin: Session | null };

export class Pushes {
  readonly #world: World;
  /** Online sessions of an account that want news. */
  readonly #sessionsOf: (account: number) => Session[];
  readonly #held: Map<number, News[]> = new Map();
  /** How a short text is pushed: updateShortMessage, or the whole update with the accounts it names. */
  style: 'short' | 'full' = 'full';
  #origin: Session | null = null;

  constructor(world: World, sessionsOf: (account: number) => Session[]) {
    this.#world = world;
    this.#sessionsOf = sessionsOf;
    world.listen((fact) => this.#heard(fact));
  }

  /** What `act` changes is not pushed to this session: it gets the news as its answer. */
  causedBy<Result>(session: Session, act: () => Result): Result {
    this.#origin = session;
    try {
      return act();
    } finally {
      this.#origin = null;
    }
  }

  /** From now on nothing is pushed to this account. */
  hold(account: number): void {
    if (!this.#held.has(account)) this.#held.set(account, []);
  }

  /** Pushes what was held, and holds no more. `dropped`: nobody pushes it any more. */
  release(account: number, order: ReleaseOrder): void {
    const held = this.#held.get(account) ?? [];
    this.#held.delete(account);
    const [once, again] = [order === 'reversed' ? held.toReversed() : held, order === 'twice' ? held : []];
    if (order !== 'dropped') for (const news of [...once, ...again]) this.#deliver(account, news);
  }

  /** Pushes the last `count` news of the account's own box once more. */
  repeat(account: number, count: number): void {
    const owner: BoxOwner = { kind: 'account', id: account };
    for (const update of this.#world.box(owner).log.slice(-count)) this.#deliver(account, { owner, update, origin: null });
  }

  /** Shows `account` that somebody types. */
  typing(account: number, from: number): void {
    const update = new Api.UpdateUserTyping({ userId: big(from), action: new Api.SendMessageTypingAction() });
    this.#send(this.#sessionsOf(account), new Api.UpdateShort({ update, date: this.#world.seconds() }));
  }

  /** Tells clients that there is more than the server wants to push: they are to ask for the difference. */
  tooLong(account: number): void {
    this.#send(this.#sessionsOf(account), new Api.UpdatesTooLong());
  }

  #heard(fact: Fact): void {
    switch (fact.kind) {
      case 'posted':
        for (const { owner, pts, message } of fact.messages)
          this.#spread(owner, { kind: 'new', pts, messageIds: [message.id], date: message.date });
        return;
      case 'edited':
        this.#spread(fact.owner, { kind: 'edit', pts: fact.pts, messageIds: [fact.messageId], date: fact.date });
        return;
      case 'deleted':
        this.#spread(fact.owner, { kind: 'delete', pts: fact.pts, messageIds: fact.messageIds, date: fact.date });
        return;
      default:
        return;
    }
  }

  #spread(owner: BoxOwner, update: LoggedUpdate): void {
    const accounts = owner.kind === 'account' ? [owner.id] : (this.#world.groups.get(owner.id)?.members ?? []);
    for (const account of accounts) {
      const news = { owner, update, origin: this.#origin };
      const held = this.#held.get(account);
      if (held === undefined) this.#deliver(account, news);
      else held.push(news);
    }
  }

  #deliver(account: number, { owner, update, origin }: News): void {
    const sessions = this.#sessionsOf(account).filter((session) => session !== origin);
    if (sessions.length === 0) return;
    const stored = this.#world.box(owner).messages.get(update.messageIds[0] ?? 0);
    if (this.style === 'short' && update.kind === 'new' && stored !== undefined && isShort(stored)) {
      this.#send(sessions, this.#short(stored, update.pts, account));
      return;
    }
    const written = toUpdate(this.#world, owner, update, account);
    if (written === null) return;
    const named = namedIn(this.#world, account, stored === undefined ? [] : [stored]);
    this.#send(sessions, new Api.Updates({ updates: [written], ...named, date: this.#world.seconds(), seq: 0 }));
  }

  #short(stored: Message, pts: number, account: number): Answer {
    const message = toMessage(this.#world, stored, account) as Api.Message;
    const common = {
      ...{ out: stored.from === account, id: stored.id, message: stored.text, pts, ptsCount: 1, date: stored.date },
      ...(message.replyTo ? { replyTo: message.replyTo } : {}),
      ...(message.fwdFrom ? { fwdFrom: message.fwdFrom } : {}),
      ...(message.entities ? { entities: message.entities } : {}),
      mentioned: message.mentioned ?? false,
    };
    return stored.peer.kind === 'group'
      ? new Api.UpdateShortChatMessage({ ...common, fromId: big(stored.from), chatId: big(stored.peer.id) })
      : new Api.UpdateShortMessage({ ...common, userId: (toPeer(stored.peer) as Api.PeerUser).userId });
  }

  #send(sessions: readonly Session[], updates: Answer): void {
    const body = gzipIfSmaller(updates.getBytes());
    for (const session of sessions) session.send(body, 'content', false);
  }
}

function isShort({ media, service, groupedId, peer }: Message): boolean {
  return media === null && service === null && groupedId === null && peer.kind !== 'channel';
}
