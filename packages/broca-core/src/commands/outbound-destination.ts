/** Where an outbound message goes: the chat that was named, or the newest one of a person on a channel. */
import { failed, ok, type Result } from 'animus-protocol';
import type { Store } from '../store/open.ts';
import { findUser } from './users.ts';

export type Destination = {
  channel: string;
  account: string;
  chat: string;
  /** Null: nobody spoke there yet. */
  conversationId: number | null;
};

export type Wanted = { channel: string; account?: string; user?: string; chat?: string };

type Row = { conversationId: number; channel: string; account: string; chat: string };

export function findDestination(store: Store, wanted: Wanted): Result<Destination, string> {
  if (wanted.user !== undefined) return ofUser(store, wanted.user, wanted);
  return ofChat(store, wanted.chat ?? '', wanted);
}

function ofChat(store: Store, chat: string, { channel, account }: Wanted): Result<Destination, string> {
  const rows = store
    .prepare<{ channel: string; chat: string; account: string | null }, Row>(
      `SELECT id AS conversationId, channel, account, chat FROM conversations
       WHERE channel = @channel AND chat = @chat AND account = coalesce(@account, account) ORDER BY id`,
    )
    .all({ channel, chat, account: account ?? null });
  const [only] = rows;
  if (only === undefined) return ok({ channel, account: account ?? '', chat, conversationId: null });
  return rows.length === 1 ? ok(only) : failed(`${channel}/${chat} is a chat of several accounts: ${nameAccount(rows)}`);
}

/** The chat they last wrote in. */
function ofUser(store: Store, user: string, { channel, account }: Wanted): Result<Destination, string> {
  const id = findUser(store, user);
  if (!id.ok) return id;
  const isActive = store.prepare<[number], number>('SELECT is_active FROM users WHERE id = ?').pluck().get(id.value);
  if (isActive !== 1) return failed(`user ${id.value} is deactivated: broca users activate ${id.value}`);
  const rows = store
    .prepare<{ user: number; channel: string; account: string | null }, Row>(
      `SELECT conversations.id AS conversationId, conversations.channel, account, chat FROM turns
       JOIN conversations ON conversations.id = turns.conversation_id
       WHERE profile_id IN (SELECT id FROM profiles WHERE user_id = @user AND channel = @channel)
         AND conversations.channel = @channel AND account = coalesce(@account, account)
       GROUP BY conversations.id ORDER BY max(turns.id) DESC`,
    )
    .all({ user: id.value, channel, account: account ?? null });
  const [newest] = rows;
  if (newest === undefined) {
    const where = account === undefined || account === '' ? channel : `account ${account} of ${channel}`;
    return failed(`${user} has not written through ${where}: see broca users conversations ${user}, or name the chat with --chat`);
  }
  if (new Set(rows.map((row) => row.account)).size > 1) return failed(`${user} writes through several accounts: ${nameAccount(rows)}`);
  return ok(newest);
}

function nameAccount(rows: readonly Row[]): string {
  return `${[...new Set(rows.map((row) => JSON.stringify(row.account)))].join(', ')}. Name one with --account`;
}
