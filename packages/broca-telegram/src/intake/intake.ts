/** What becomes of each message that comes in: it is stored as a question, waits for its file, is answered by the channel itself, or is left. */
import type { ChannelContext, Inbound, Sender, StateChanges } from 'broca-core';
import { type AccessKnowledge, judgeSender, type SenderVerdict } from '../access/access-policy.ts';
import { isFriend, isOwnerCode, ownerChanges, pairedOwner, readCode, requestFor } from '../access/pairing.ts';
import { isPrivate, withoutTopic } from '../chat-id.ts';
import { knownPeer, peerChanges } from '../peers.ts';
import type { SentMessages } from '../sent-messages.ts';
import type { TelegramConfig } from '../settings.ts';
import type { Account, Peer, ReceivedMessage } from '../telegram.ts';
import type { News } from './mailboxes.ts';
import { type Command, judgeMessage, type MessageVerdict, readCommand } from './message-policy.ts';
import { NOTICE } from './notices.ts';
import { isIncomplete, type Question, quotedReply, toInbound, waitKey, writeQuestion } from './question.ts';
import type { Waiting } from './waiting.ts';

export type IntakeDependencies = {
  context: Pick<ChannelContext, 'state' | 'receiveAll' | 'isIgnored' | 'log'>;
  config: TelegramConfig;
  me: Account;
  waiting: Waiting;
  sent: SentMessages;
  now(): number;
  /** Says something without being asked by the agent. `about`: the message that it answers, of which it is said once. */
  say(chat: string, text: string, about: number): void;
};

/** What is to be changed and done for the messages at hand. */
type Harvest = {
  inbounds: Inbound[];
  waiting: Question[];
  changes: Record<string, string | null>;
  said: { chat: string; text: string; about: number }[];
};

const STRANGER = 'stranger:';
const PIN = 'pin:';
/** A stranger is told so once in so long a time. */
const STRANGER_MS = 30 * 24 * 60 * 60_000;
/** And no more than so many of them in a minute. */
const STRANGERS_A_MINUTE = 10;
/** Wrong codes of one sender before they are left unread for a while. */
const MOST_WRONG_CODES = 5;
const WRONG_CODES_MS = 10 * 60_000;

export class Intake {
  readonly #deps: IntakeDependencies;
  #strangersTold: number[] = [];
  readonly #wrongCodes = new Map<string, { count: number; until: number }>();

  constructor(deps: IntakeDependencies) {
    this.#deps = deps;
    this.#forgetStrangers();
  }

  /** Stores all of it with the changes, in one transaction; false when it could not be stored now. */
  take(news: readonly News[], peers: readonly Peer[], changes: StateChanges): boolean {
    const { context, waiting, say } = this.#deps;
    const met = new Map(peers.map((peer) => [peer.chat, peer]));
    const harvest: Harvest = { inbounds: [], waiting: [], changes: { ...changes }, said: [] };
    const heard = new Set<string>();
    for (const one of news) this.#takeOne(one, met, harvest, heard);
    const known = [...met.values()].filter(({ chat }) => heard.has(chat));
    Object.assign(harvest.changes, peerChanges(context.state, known));
    if (harvest.inbounds.length === 0) {
      if (!context.state.put(harvest.changes)) return false;
    } else {
      const receipts = context.receiveAll(harvest.inbounds, harvest.changes);
      if (receipts.some(({ kind }) => kind === 'unavailable')) return false;
      for (const [index, receipt] of receipts.entries()) {
        const inbound = harvest.inbounds[index];
        if (receipt.kind === 'refused' && inbound !== undefined) this.refused(inbound, receipt.reason);
      }
    }
    waiting.add(harvest.waiting);
    for (const { chat, text, about } of harvest.said) say(chat, text, about);
    return true;
  }

  #takeOne(news: News, met: ReadonlyMap<string, Peer>, harvest: Harvest, heard: Set<string>): void {
    const { context, config, me, sent } = this.#deps;
    const { message } = news;
    const chat = withoutTopic(message.chat);
    const from = message.from === null ? null : (met.get(message.from) ?? knownPeer(context.state, message.from));
    const verdict = judgeMessage(news, me, config, {
      isFromBot: from?.isBot === true,
      isBroadcast: (met.get(chat) ?? knownPeer(context.state, chat))?.isBroadcast === true,
      isReplyToUs: message.replyTo !== null && (message.isMentioned || sent.isOurs(message.chat, message.replyTo.id)),
    });
    if (verdict === 'skip' || message.from === null) return;
    const sender: Sender = {
      id: message.from,
      ...(from?.username === undefined ? {} : { username: from.username }),
      ...(from?.name === undefined ? {} : { displayName: from.name }),
    };
    if (context.isIgnored(sender)) return;
    const judged = this.#judge(sender, harvest);
    const command = me.isBot ? readCommand(message, me) : null;
    if (this.#paired(message, verdict, sender, command, harvest)) return void heard.add(message.from);
    if (judged.standing === 'stranger') {
      this.#stranger(message, verdict, sender, harvest, heard);
      return;
    }
    heard.add(message.from).add(chat);
    if (command !== null && this.#command(message, command, harvest)) return;
    const nameOf = (peer: string): string | undefined => met.get(peer)?.name ?? knownPeer(context.state, peer)?.name;
    const group = isPrivate(chat) ? null : (nameOf(chat) ?? 'a group');
    this.#question({ message, isEdit: news.isEdit, sender, group, forward: this.#forward(message, nameOf) }, harvest);
  }

  #forward({ forward }: ReceivedMessage, nameOf: (peer: string) => string | undefined): Question['forward'] {
    if (forward === null) return null;
    if (forward.from === this.#deps.me.id) return { who: null };
    return { who: forward.name ?? (forward.from === null ? undefined : nameOf(forward.from)) ?? 'somebody' };
  }

  #judge(sender: Sender, harvest: Harvest): SenderVerdict {
    const { config, context, now } = this.#deps;
    const pinned = (name: string): string | null => {
      const learnt = harvest.changes[PIN + name] ?? context.state.get(PIN + name);
      return learnt;
    };
    const learntOwner = harvest.changes['owner'] === undefined ? (pairedOwner(context.state)?.id ?? null) : sender.id;
    const known: AccessKnowledge = { pairedOwner: learntOwner, pinned, isFriend: (id) => isFriend(context.state, id) };
    const judged = judgeSender(sender, config.access, known);
    if (judged.pin !== null) {
      harvest.changes[PIN + judged.pin] = sender.id;
      context.log.info('telegram-username-pinned', { username: judged.pin, id: sender.id, at: now() });
    }
    return judged;
  }

  /** Whether it was a code that makes its sender the owner. */
  #paired(message: ReceivedMessage, verdict: MessageVerdict, sender: Sender, command: Command | null, harvest: Harvest): boolean {
    const { context, config, now } = this.#deps;
    if (verdict !== 'private' || config.access.ownerId !== null) return false;
    const code = readCode(command?.name === 'start' ? command.argument : message.text);
    if (code === null || this.#isGuessing(sender.id)) return false;
    if (!isOwnerCode(context.state, code, now())) return this.#guessed(sender.id);
    const { id, username, displayName: name } = sender;
    const owner = { id, ...(username === undefined ? {} : { username }), ...(name === undefined ? {} : { name }) };
    Object.assign(harvest.changes, ownerChanges(owner));
    harvest.said.push({ chat: message.chat, text: NOTICE.owner, about: message.id });
    context.log.info('telegram-owner-paired', { id });
    return true;
  }

  #isGuessing(id: string): boolean {
    const wrong = this.#wrongCodes.get(id);
    return wrong !== undefined && wrong.count >= MOST_WRONG_CODES && this.#deps.now() < wrong.until;
  }

  #guessed(id: string): false {
    const now = this.#deps.now();
    const former = this.#wrongCodes.get(id);
    const count = former === undefined || now >= former.until ? 1 : former.count + 1;
    if (this.#wrongCodes.size > 1_000) this.#wrongCodes.clear();
    this.#wrongCodes.set(id, { count, until: now + WRONG_CODES_MS });
    return false;
  }

  /** One polite line, now and then, from a bot and in private; nothing from a person's own account. */
  #stranger(message: ReceivedMessage, verdict: MessageVerdict, sender: Sender, harvest: Harvest, heard: Set<string>): void {
    const { context, me, config, now } = this.#deps;
    if (!me.isBot || verdict !== 'private') return;
    const key = STRANGER + sender.id;
    const toldAt = Number(harvest.changes[key] ?? context.state.get(key) ?? Number.NEGATIVE_INFINITY);
    const at = now();
    if (at - toldAt < STRANGER_MS) return;
    this.#strangersTold = this.#strangersTold.filter((told) => at - told < 60_000);
    if (this.#strangersTold.length >= STRANGERS_A_MINUTE) return;
    const text = config.access.mode === 'pairing' ? this.#invitation(sender, harvest) : NOTICE.stranger;
    if (text === null) return;
    this.#strangersTold.push(at);
    harvest.changes[key] = String(at);
    harvest.said.push({ chat: message.chat, text, about: message.id });
    heard.add(sender.id);
  }

  #forgetStrangers(): void {
    const { context, now } = this.#deps;
    const old = context.state.list(STRANGER).filter(([, told]) => now() - Number(told) >= STRANGER_MS);
    if (old.length > 0) context.state.put(Object.fromEntries(old.map(([key]) => [key, null])));
  }

  #invitation({ id, username, displayName: name }: Sender, harvest: Harvest): string | null {
    const { context, now } = this.#deps;
    const one = { id, ...(username === undefined ? {} : { username }), ...(name === undefined ? {} : { name }) };
    const made = requestFor(context.state, one, now());
    if (made === null) return null;
    Object.assign(harvest.changes, made.changes);
    context.log.info('telegram-pairing-asked', { id });
    return NOTICE.pairing(made.request.code);
  }

  /** Whether the channel answers it by itself. */
  #command(message: ReceivedMessage, { name }: Command, harvest: Harvest): boolean {
    if (name !== 'start' && name !== 'help') return false;
    harvest.said.push({ chat: message.chat, text: name === 'start' ? NOTICE.start : NOTICE.help, about: message.id });
    return true;
  }

  #question(question: Question, harvest: Harvest): void {
    const { waiting, me, config, sent } = this.#deps;
    const { chat, replyTo } = question.message;
    const isBehind = waiting.holds(chat) || harvest.waiting.some((other) => other.message.chat === chat);
    if (isBehind || isIncomplete(question)) {
      harvest.changes[waitKey(question)] = writeQuestion(question);
      harvest.waiting.push(question);
      return;
    }
    const reply = quotedReply(question, replyTo !== null && sent.isOurs(chat, replyTo.id));
    harvest.inbounds.push(toInbound([question], { account: me.id, reply, attachments: [], joinWithinMs: config.bufferMs }));
  }

  /** Its sender is told, in words that say what to do; whoever may not be heard is not. */
  refused({ chat, externalId, sender }: Pick<Inbound, 'chat' | 'externalId' | 'sender'>, reason: string): void {
    const { context, me, say } = this.#deps;
    context.log.info('telegram-message-refused', { chat, message: externalId, sender: sender.id, reason });
    if (!isPrivate(chat) || !me.isBot || reason.startsWith('the sender')) return;
    say(chat, NOTICE.refused(reason), Number.parseInt(externalId, 10));
  }
}
