/**
 * Copies everything out of the original's database into an empty one of ours, in one transaction that is
 * committed only when the counts of both agree. Ids stay: a user, profile or message has the number it had.
 */
import { setImmediate as breathe } from 'node:timers/promises';
import { failed, ok, type Result } from 'animus-protocol';
import type { Database } from 'better-sqlite3';
import { writeFact } from '../facts.ts';
import { isAgentsOwn, MESSAGES, type OriginalProfile, type OriginalRow, type OriginalUser, PROFILES, USERS } from './original.ts';
import { originalTime } from './original-time.ts';
import { type Fate, fateOf } from './reconcile-policy.ts';
import { type Counts, compareCounts, countOriginal } from './verify.ts';

export type Copied = Counts & {
  /** Times that could not be read; the time of the nearest thing known stands in for them. */
  unreadTimes: number;
};

/** What a message without a platform's own id is known by; no platform gives such ids. */
export function madeUpId(message: number): string {
  return `python-${message}`;
}

/** The original's rows that name no platform or sender go here; no channel of ours has this name. */
const NO_CHANNEL = 'unknown';

/** The event loop comes to its own this often, so that the process can tell that it works. */
const BREATH_EVERY_MS = 100;

/** The database `to` is of use only when this has ended well. */
export async function copyOriginal(
  from: Database,
  to: Database,
  { now, progress }: { now: number; progress: (done: number, of: number) => void },
): Promise<Result<Copied, string>> {
  const copy = new Copy(to, now);
  const wanted = countOriginal(from);
  to.exec('BEGIN IMMEDIATE');
  for (const row of from.prepare<[], OriginalUser>(USERS).iterate()) copy.user(row);
  for (const row of from.prepare<[], OriginalProfile>(PROFILES).iterate()) copy.profile(row);
  let done = 0;
  let breathedAt = 0;
  for (const row of from.prepare<[], OriginalRow>(`${MESSAGES} ORDER BY messages.id`).iterate()) {
    copy.message(row);
    done += 1;
    if (performance.now() - breathedAt < BREATH_EVERY_MS) continue;
    progress(done, wanted.messages);
    await breathe();
    breathedAt = performance.now();
  }
  copy.finish(from);
  const differences = compareCounts(wanted, to);
  if (differences.length > 0) return failed(`the migrated database does not hold what the old one held: ${differences.join('; ')}`);
  to.exec('COMMIT');
  return ok({ ...wanted, unreadTimes: copy.unreadTimes });
}

type Place = { conversation: number; createdAt: number; hasOpen: boolean };

class Copy {
  unreadTimes = 0;
  #to: Database;
  #now: number;
  #statements: ReturnType<typeof prepare>;
  /** Conversation of each profile, made at its first message. */
  #places = new Map<string, Place>();
  #profiles = new Map<number, { channel: string; senderId: string }>();

  constructor(to: Database, now: number) {
    this.#to = to;
    this.#now = now;
    this.#statements = prepare(to);
  }

  user(row: OriginalUser): void {
    const createdAt = this.#time([row.createdAt, row.lastActive]);
    const lastActiveAt = this.#time([row.lastActive, row.createdAt]);
    this.#statements.user.run(row.id, row.identityId, row.blockId, row.isActive, createdAt, lastActiveAt);
  }

  profile(row: OriginalProfile): void {
    const createdAt = this.#time([row.createdAt, row.lastActive]);
    const lastActiveAt = this.#time([row.lastActive, row.createdAt]);
    const userId = row.userId ?? Number(this.#statements.newUser.run(createdAt, lastActiveAt).lastInsertRowid);
    const person = { channel: row.platform ?? NO_CHANNEL, senderId: row.senderId ?? `python-profile-${row.id}` };
    this.#profiles.set(row.id, person);
    const { channel, senderId } = person;
    this.#statements.profile.run(row.id, userId, channel, senderId, row.username, row.displayName, createdAt, lastActiveAt);
  }

  message(row: OriginalRow): void {
    const writtenAt = this.#time([row.timestamp, row.queuedAt]);
    const changedAt = originalTime(row.queuedAt) ?? writtenAt;
    const place = this.#place(row, writtenAt);
    const { conversation } = place;
    const fate = fateOf({
      status: row.status,
      attempts: row.attempts,
      isProcessed: row.isProcessed !== 0,
      hasResponse: row.response !== null || isAgentsOwn(row),
      hasSender: row.profileId !== null,
    });
    const settledAt = fate.state === 'waiting' ? null : changedAt;
    // What waits is due now at the latest, whatever the old machine's clock was.
    const dueAt = Math.min(changedAt, this.#now);
    const failures = fate.state === 'waiting' ? row.attempts : 0;
    const { outcome, reason } = fate;
    // Of each conversation only the oldest open turn waits, the others stand behind it.
    const state = fate.state === 'waiting' && place.hasOpen ? 'queued' : fate.state;
    place.hasOpen ||= state === 'waiting';
    this.#statements.turn.run(row.id, conversation, row.profileId, state, dueAt, outcome, reason, failures, writtenAt, settledAt);
    if (isAgentsOwn(row)) {
      this.#reply(row.id, conversation, row.text ?? '', { ...fate, reply: SAID }, writtenAt, null);
      return;
    }
    this.#statements.inbound.run(row.id, madeUpId(row.id), row.text ?? '', writtenAt, writtenAt);
    this.#statements.seen.run(conversation, madeUpId(row.id), row.id);
    if (fate.mayHaveAsked) {
      this.#statements.attempt.run(row.id, madeUpId(row.id), row.text ?? '', changedAt, fate.reason, this.#now);
    }
    if (row.response !== null) this.#reply(row.id, conversation, row.response, fate, changedAt, madeUpId(row.id));
  }

  /** No number is given twice. */
  finish(from: Database): void {
    const sequences = from.prepare<[], { name: string; seq: number }>('SELECT name, seq FROM sqlite_sequence').all();
    for (const [theirs, ours] of [
      ['letta_users', 'users'],
      ['platform_profiles', 'profiles'],
      ['messages', 'turns'],
    ] as const) {
      const used = sequences.find(({ name }) => name === theirs)?.seq ?? 0;
      this.#statements.sequence.run(used, ours);
    }
    writeFact(this.#to, 'attached_unknown', '1');
  }

  #reply(turn: number, conversation: number, text: string, { reply }: Fate, at: number, inReplyTo: string | null): void {
    if (reply === null) return;
    this.#statements.part.run(turn, inReplyTo, text, madeUpId(turn), reply.state, at, at, at, at, reply.reason, conversation);
  }

  #place(row: OriginalRow, at: number): Place {
    const { channel, senderId } = (row.profileId === null ? undefined : this.#profiles.get(row.profileId)) ?? {
      channel: NO_CHANNEL,
      senderId: `python-user-${row.userId ?? 'none'}`,
    };
    const key = JSON.stringify([channel, senderId]);
    const known = this.#places.get(key);
    if (known === undefined) {
      const conversation = Number(this.#statements.conversation.run(channel, senderId, at).lastInsertRowid);
      const place = { conversation, createdAt: at, hasOpen: false };
      this.#places.set(key, place);
      return place;
    }
    if (at < known.createdAt) {
      known.createdAt = at;
      this.#statements.olderConversation.run(at, known.conversation);
    }
    return known;
  }

  #time(texts: readonly (string | null)[]): number {
    const times = texts.map(originalTime);
    if (times[0] === null && texts[0] !== null) this.unreadTimes += 1;
    return times.find((time) => time !== null) ?? this.#now;
  }
}

const SAID: Fate['reply'] = { state: 'sent', reason: 'handed over by the Python Broca' };

function prepare(to: Database) {
  return {
    user: to.prepare('INSERT INTO users (id, identity_id, block_id, is_active, created_at, last_active_at) VALUES (?, ?, ?, ?, ?, ?)'),
    newUser: to.prepare('INSERT INTO users (created_at, last_active_at) VALUES (?, ?)'),
    profile: to.prepare(
      `INSERT INTO profiles (id, user_id, channel, sender_id, username, display_name, created_at, last_active_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    conversation: to.prepare("INSERT INTO conversations (channel, account, chat, created_at) VALUES (?, '', ?, ?)"),
    olderConversation: to.prepare('UPDATE conversations SET created_at = ? WHERE id = ?'),
    turn: to.prepare(
      `INSERT INTO turns (id, conversation_id, profile_id, state, due_at, outcome, reason, failures, created_at, settled_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    inbound: to.prepare('INSERT INTO inbounds (turn_id, external_id, text, written_at, received_at) VALUES (?, ?, ?, ?, ?)'),
    seen: to.prepare('INSERT INTO seen (conversation_id, external_id, turn_id) VALUES (?, ?, ?)'),
    attempt: to.prepare(
      `INSERT INTO attempts (turn_id, number, otid, endpoint, agent_id, text, sent_at, outcome, reason, over_at)
       VALUES (?, 1, ?, '', '', ?, ?, 'unknown', ?, ?)`,
    ),
    part: to.prepare(
      `INSERT INTO parts (turn_id, conversation_id, channel, number, count, in_reply_to, text, key, state, due_at, created_at,
         first_sent_at, settled_at, reason)
       SELECT ?, id, channel, 1, 1, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM conversations WHERE id = ?`,
    ),
    sequence: to.prepare('UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?'),
  };
}
