/** `broca users …`. */

import { failed, ok, type Result } from 'animus-protocol';
import * as v from 'valibot';
import type { Store } from '../store/open.ts';
import type { BrocaCommand, CommandContext } from './command.ts';
import type { ShownConversation, ShownUser, ShownUserDetail } from './command-values.ts';
import { CONVERSATION_ROW, type ConversationRow, toConversation } from './conversations.ts';
import { command, instant, limit } from './define.ts';

/** A person's number, or `@username` where only one person has it. */
export const person: v.GenericSchema<string> = v.pipe(
  v.string(),
  v.regex(/^([1-9][0-9]{0,14}|@.+)$/, 'write the number of a user, or @username'),
);

/** Also a name as `users list` shows it. Not for sending: everybody chooses their own name. */
const personOrName: v.GenericSchema<string> = v.pipe(
  v.string(),
  v.trim(),
  v.minLength(1, 'write the number of a user, @username or a name'),
);

type UserRow = {
  id: number;
  isActive: number;
  identityId: string | null;
  blockId: string | null;
  createdAt: number;
  lastActiveAt: number;
  turns: number;
};

/** What a user's row says is true to the minute (inbox/receive.ts); their newest message says the rest. */
const LAST_ACTIVE = `max(last_active_at, coalesce((SELECT max(received_at) FROM inbounds WHERE turn_id =
      (SELECT max(id) FROM turns WHERE profile_id IN (SELECT id FROM profiles WHERE user_id = users.id))), 0))`;

const USER_ROW = `
  SELECT id, is_active AS isActive, identity_id AS identityId, block_id AS blockId, created_at AS createdAt, ${LAST_ACTIVE} AS lastActiveAt,
    (SELECT count(*) FROM turns WHERE profile_id IN (SELECT id FROM profiles WHERE user_id = users.id)) AS turns
  FROM users`;

export const usersList: BrocaCommand = command(v.strictObject({ limit: v.optional(limit, 100) }), (args, { store }: CommandContext) => {
  const rows = store.prepare<[number], UserRow>(`${USER_ROW} ORDER BY lastActiveAt DESC, id DESC LIMIT ?`).all(args.limit);
  return ok(rows.map((row) => toUser(store, row)));
});

export const usersGet: BrocaCommand = command(v.strictObject({ user: personOrName }), ({ user }, { store }: CommandContext) => {
  const id = findUser(store, user);
  return id.ok ? ok(showUser(store, id.value)) : id;
});

export const usersConversations: BrocaCommand = command(v.strictObject({ user: personOrName }), ({ user }, { store }: CommandContext) => {
  const id = findUser(store, user);
  if (!id.ok) return id;
  const rows = store
    .prepare<[number], ConversationRow>(
      `${CONVERSATION_ROW} WHERE id IN
         (SELECT conversation_id FROM turns WHERE profile_id IN (SELECT id FROM profiles WHERE user_id = ?))
       ORDER BY lastAt DESC`,
    )
    .all(id.value);
  return ok(rows.map((row): ShownConversation => toConversation(row)));
});

export const usersActivate: BrocaCommand = setActive(true);
export const usersDeactivate: BrocaCommand = setActive(false);

/** What a deactivated person writes is refused; their turns that are stored already still run. */
function setActive(isActive: boolean): BrocaCommand {
  return command(v.strictObject({ user: personOrName }), ({ user }, { store }: CommandContext) => {
    const id = findUser(store, user);
    if (!id.ok) return id;
    store.prepare('UPDATE users SET is_active = ? WHERE id = ?').run(isActive ? 1 : 0, id.value);
    return ok(showUser(store, id.value));
  });
}

export function findUser(store: Store, user: string): Result<number, string> {
  const known = 'see who is known with broca users list';
  if (/^[1-9][0-9]{0,14}$/.test(user)) {
    const id = store.prepare<[number], number>('SELECT id FROM users WHERE id = ?').pluck().get(Number(user));
    return id === undefined ? failed(`there is no user ${user}: ${known}`) : ok(id);
  }
  const isUsername = user.startsWith('@');
  const name = isUsername ? user.slice(1) : user;
  const orName = isUsername ? '' : ' OR lower(display_name) = lower(@name)';
  const ids = store
    .prepare<[{ name: string }], number>(
      `SELECT DISTINCT user_id FROM profiles WHERE lower(username) = lower(@name)${orName} ORDER BY user_id`,
    )
    .pluck()
    .all({ name });
  const [only] = ids;
  if (only === undefined) return failed(`nobody is called ${user}: ${known}`);
  return ids.length === 1 ? ok(only) : failed(`${user} is the name of users ${ids.join(', ')}: write the number of one`);
}

function showUser(store: Store, id: number): ShownUserDetail | null {
  const row = store.prepare<[number], UserRow>(`${USER_ROW} WHERE id = ?`).get(id);
  if (row === undefined) return null;
  return { ...toUser(store, row), identityId: row.identityId, blockId: row.blockId };
}

function toUser(store: Store, row: UserRow): ShownUser {
  const profiles = store
    .prepare<[number], ShownUser['profiles'][number]>(
      'SELECT channel, sender_id AS senderId, username, display_name AS displayName FROM profiles WHERE user_id = ? ORDER BY id',
    )
    .all(row.id);
  const { id, turns, createdAt, lastActiveAt } = row;
  return { id, isActive: row.isActive !== 0, profiles, turns, createdAt: instant(createdAt), lastActiveAt: instant(lastActiveAt) };
}
