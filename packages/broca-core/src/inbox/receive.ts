/**
 * Stores a message: one durable transaction finds or makes user, profile and conversation, leaves the
 * tombstone that makes a second delivery a no-op, and adds the turn. No network call is in between, so
 * neither Letta's absence nor a kill can lose what a channel may acknowledge.
 */
import { DEFAULT_LIMITS, type MessageLimits } from 'animus-protocol';
import type { Inbound, Receipt, Sender } from '../message.ts';
import { readFact } from '../store/facts.ts';
import { lazily } from '../store/lazily.ts';
import { type Store, storageFault } from '../store/open.ts';
import { admit, EVERY_CHANNEL, ignoreKeys, mayBeAnswered } from './admit-policy.ts';
import { decideJoin, type JoinableTurn } from './join-policy.ts';

export type Inbox = {
  receive(inbound: Inbound): Receipt;
  /** Several at once, in one commit: a receipt for each, in order. What `also` changes is part of it. */
  receiveAll(inbounds: readonly Inbound[], also?: () => void): Receipt[];
  isIgnored(channel: string, sender: Sender): boolean;
};

export type InboxRules = {
  limits(): MessageLimits;
  /** The disk is full: what room is left is kept for what is under way. */
  isShort(): boolean;
  /** A message could not be stored, and why. */
  onStorage(fault: string): void;
};

const NO_RULES: InboxRules = { limits: () => DEFAULT_LIMITS, isShort: () => false, onStorage: () => undefined };

type Standing = {
  profileId: number;
  userId: number;
  isActive: number;
  username: string | null;
  displayName: string | null;
  lastActiveAt: number;
};

const MAY_BE_ANSWERED =
  'it came before a backup was restored, or the database was damaged, and may have been answered by the database that is gone: look at the conversation, then retry or settle it';

/** When somebody was last active is kept to the minute: each write of it would touch two more pages a message. */
const ACTIVITY_GRAIN_MS = 60_000;

export function createInbox(store: Store, clock: () => number, onStored: (turnId: number) => void, rules: InboxRules = NO_RULES): Inbox {
  const statements = prepare(store);
  const restoredUntil = readRestoredUntil(store);

  const receiveOne = (inbound: Inbound): Receipt => {
    const now = clock();
    const { conversation, duplicate } = findDuplicate(statements, inbound);
    if (duplicate !== null) return duplicate;
    const standing = statements.standing.get(inbound.channel, inbound.sender.id);
    const admission = admit(
      inbound,
      {
        isIgnored: findIgnored(statements, inbound.channel, inbound.sender, now),
        isActive: standing?.isActive !== 0,
        waiting: standing === undefined ? 0 : (statements.tally.get('sender', standing.profileId) ?? 0),
        waitingOfAll: statements.tally.get('open', 0) ?? 0,
      },
      rules.limits(),
    );
    if (admission.kind === 'refused') return admission;

    const conversationId =
      conversation ?? Number(statements.addConversation.run(inbound.channel, inbound.account, inbound.chat, now).lastInsertRowid);
    const profileId = standing === undefined ? addPerson(statements, inbound, now) : refreshPerson(statements, inbound, standing, now);
    const place = mayBeAnswered(inbound, restoredUntil) ? addAside : findTurn;
    const { turnId, number } = place(statements, inbound, { conversationId, profileId }, rules.limits(), now);
    statements.addInbound.run(
      turnId,
      number,
      inbound.externalId,
      inbound.text,
      JSON.stringify(inbound.attachments),
      inbound.replyTo ?? null,
      Math.round(inbound.at),
      now,
    );
    statements.addSeen.run(conversationId, inbound.externalId, turnId);
    return { kind: 'stored', turnId };
  };
  const receiveTogether = store.transaction((inbounds: readonly Inbound[], also?: () => void): Receipt[] => {
    also?.();
    return inbounds.map(receiveOne);
  });

  function receiveAll(inbounds: readonly Inbound[], also?: () => void): Receipt[] {
    const refuse = (reason: string): Receipt[] => {
      rules.onStorage(reason);
      // What is stored is so, whatever cannot be written now.
      return inbounds.map((inbound) => findDuplicate(statements, inbound).duplicate ?? { kind: 'unavailable', reason });
    };
    if (rules.isShort()) return refuse('the disk is full');
    try {
      const receipts = receiveTogether.immediate(inbounds, also);
      for (const receipt of receipts) if (receipt.kind === 'stored') onStored(receipt.turnId);
      return receipts;
    } catch (error) {
      const fault = storageFault(error);
      if (fault === null) throw error;
      return refuse(fault);
    }
  }

  return {
    receive(inbound) {
      const [receipt] = receiveAll([inbound]);
      if (receipt === undefined) throw new Error('a message was received without a receipt');
      return receipt;
    },
    receiveAll,
    isIgnored: (channel, sender) => findIgnored(statements, channel, sender, clock()),
  };
}

/**
 * Who was ignored in this channel by name is ignored by id from then on: names can be changed, and taken by others. A
 * name that is ignored in every channel stays one, for an id means something in its own channel only.
 */
function findIgnored(statements: Statements, channel: string, sender: Sender, now: number): boolean {
  const [byId, byName = byId] = ignoreKeys(sender);
  const entries = statements.ignored.all(channel, byId, byName);
  const named = entries.filter((entry) => entry.sender !== byId && entry.channel === channel);
  for (const entry of named) {
    statements.ignore.run(entry.channel, byId, now);
    statements.heed.run(entry.channel, entry.sender);
  }
  return entries.length > 0;
}

type Statements = ReturnType<typeof prepare>;

/** `conversation` undefined: the first message of it. */
function findDuplicate(statements: Statements, inbound: Inbound): { conversation: number | undefined; duplicate: Receipt | null } {
  const conversation = statements.conversation.get(inbound.channel, inbound.account, inbound.chat);
  const seen = conversation === undefined ? undefined : statements.seen.get(conversation, inbound.externalId);
  if (seen === undefined) return { conversation, duplicate: null };
  return { conversation, duplicate: { kind: 'duplicate', turnId: statements.turn.get(seen) ?? null } };
}

function readRestoredUntil(store: Store): number | null {
  const restored = readFact(store, 'restored_until');
  return restored === null ? null : Number(restored);
}

/** A turn that a person decides about. */
function addAside(
  statements: Statements,
  _inbound: Inbound,
  { conversationId, profileId }: { conversationId: number; profileId: number },
  _limits: MessageLimits,
  now: number,
): { turnId: number; number: number } {
  const turnId = Number(statements.addTurn.run(conversationId, profileId, 'parked', now, now).lastInsertRowid);
  statements.setAside.run(MAY_BE_ANSWERED, now, turnId);
  return { turnId, number: 1 };
}

/** The turn a message goes to, and which one in it this message is: a new turn, or the sender's last one. */
function findTurn(
  statements: Statements,
  { joinWithinMs: withinMs = 0, text, attachments }: Inbound,
  { conversationId, profileId }: { conversationId: number; profileId: number },
  limits: MessageLimits,
  now: number,
): { turnId: number; number: number } {
  const last = withinMs === 0 ? undefined : statements.joinable.get(conversationId, profileId);
  const decision = decideJoin(last ?? null, { withinMs, length: text.length, attachments: attachments.length }, limits, now);
  if (decision.kind === 'join' && last !== undefined) {
    statements.delay.run(decision.dueAt, last.id);
    return { turnId: last.id, number: last.messages + 1 };
  }
  const state = statements.open.get(conversationId) === undefined ? 'waiting' : 'queued';
  return { turnId: Number(statements.addTurn.run(conversationId, profileId, state, decision.dueAt, now).lastInsertRowid), number: 1 };
}

function addPerson(statements: Statements, inbound: Inbound, now: number): number {
  const userId = statements.addUser.run(now, now).lastInsertRowid;
  const { id, username, displayName } = inbound.sender;
  return Number(statements.addProfile.run(userId, inbound.channel, id, username ?? null, displayName ?? null, now, now).lastInsertRowid);
}

function refreshPerson(statements: Statements, { sender }: Inbound, standing: Standing, now: number): number {
  const isKnown =
    (sender.username ?? standing.username) === standing.username && (sender.displayName ?? standing.displayName) === standing.displayName;
  if (isKnown && now - standing.lastActiveAt < ACTIVITY_GRAIN_MS) return standing.profileId;
  statements.refreshProfile.run(sender.username ?? null, sender.displayName ?? null, now, standing.profileId);
  statements.refreshUser.run(now, standing.userId);
  return standing.profileId;
}

function prepare(store: Store) {
  return lazily({
    tally: () => store.prepare<[string, number], number>('SELECT count FROM tallies WHERE name = ? AND id = ?').pluck(),
    conversation: () =>
      store
        .prepare<[string, string, string], number>('SELECT id FROM conversations WHERE channel = ? AND account = ? AND chat = ?')
        .pluck(),
    seen: () => store.prepare<[number, string], number>('SELECT turn_id FROM seen WHERE conversation_id = ? AND external_id = ?').pluck(),
    turn: () => store.prepare<[number], number>('SELECT id FROM turns WHERE id = ?').pluck(),
    standing: () =>
      store.prepare<[string, string], Standing>(
        `SELECT profiles.id AS profileId, users.id AS userId, users.is_active AS isActive, username,
         display_name AS displayName, profiles.last_active_at AS lastActiveAt
       FROM profiles JOIN users ON users.id = profiles.user_id WHERE channel = ? AND sender_id = ?`,
      ),
    ignored: () =>
      store.prepare<[string, string, string], { channel: string; sender: string }>(
        `SELECT channel, sender FROM ignored WHERE channel IN (?, '${EVERY_CHANNEL}') AND sender IN (?, ?)`,
      ),
    ignore: () => store.prepare('INSERT INTO ignored (channel, sender, created_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING'),
    heed: () => store.prepare('DELETE FROM ignored WHERE channel = ? AND sender = ?'),
    open: () =>
      store
        .prepare<[number], number>(
          "SELECT id FROM turns INDEXED BY turns_open WHERE conversation_id = ? AND state IN ('queued', 'waiting', 'running') LIMIT 1",
        )
        .pluck(),
    addConversation: () => store.prepare('INSERT INTO conversations (channel, account, chat, created_at) VALUES (?, ?, ?, ?)'),
    addUser: () => store.prepare('INSERT INTO users (created_at, last_active_at) VALUES (?, ?)'),
    addProfile: () =>
      store.prepare(
        `INSERT INTO profiles (user_id, channel, sender_id, username, display_name, created_at, last_active_at)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      ),
    refreshProfile: () =>
      store.prepare(
        'UPDATE profiles SET username = coalesce(?, username), display_name = coalesce(?, display_name), last_active_at = ? WHERE id = ?',
      ),
    refreshUser: () => store.prepare('UPDATE users SET last_active_at = ? WHERE id = ?'),
    addTurn: () => store.prepare('INSERT INTO turns (conversation_id, profile_id, state, due_at, created_at) VALUES (?, ?, ?, ?, ?)'),
    addInbound: () =>
      store.prepare(
        'INSERT INTO inbounds (turn_id, number, external_id, text, attachments, reply_to, written_at, received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      ),
    joinable: () =>
      store.prepare<[number, number], JoinableTurn & { id: number }>(
        `SELECT turns.id, turns.created_at AS createdAt, max(received_at) AS newestAt, count(*) AS messages, sum(length(text) + 1) AS length,
         sum(json_array_length(attachments)) AS attachments
       FROM turns JOIN inbounds ON inbounds.turn_id = turns.id
       WHERE turns.id = (SELECT id FROM turns INDEXED BY turns_open
           WHERE conversation_id = ? AND state IN ('queued', 'waiting', 'running') ORDER BY id DESC LIMIT 1)
         AND profile_id = ? AND state <> 'running' AND crashes = 0
         AND NOT EXISTS (SELECT 1 FROM attempts WHERE turn_id = turns.id)
       GROUP BY turns.id`,
      ),
    setAside: () => store.prepare('UPDATE turns SET reason = ?, settled_at = ? WHERE id = ?'),
    delay: () => store.prepare('UPDATE turns SET due_at = ? WHERE id = ?'),
    addSeen: () => store.prepare('INSERT INTO seen (conversation_id, external_id, turn_id) VALUES (?, ?, ?)'),
  });
}
