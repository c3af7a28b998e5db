/** `broca conversations …`: what was said, from both sides. */

import { failed, ok } from 'animus-protocol';
import * as v from 'valibot';
import { readAttachments } from '../attachments/parse.ts';
import type { Store } from '../store/open.ts';
import type { BrocaCommand, CommandContext } from './command.ts';
import type { ShownConversation, ShownConversationDetail, ShownMessage } from './command-values.ts';
import { command, instant, limit } from './define.ts';

export type ConversationRow = Omit<ShownConversation, 'createdAt' | 'lastAt'> & { createdAt: number; lastAt: number | null };

export const CONVERSATION_ROW = `
  SELECT id, channel, account, chat, created_at AS createdAt,
    (SELECT count(*) FROM turns WHERE conversation_id = conversations.id) AS turns,
    (SELECT count(*) FROM turns INDEXED BY turns_open WHERE conversation_id = conversations.id AND state IN ('queued', 'waiting', 'running')) AS open,
    (SELECT created_at FROM turns WHERE conversation_id = conversations.id ORDER BY id DESC LIMIT 1) AS lastAt
  FROM conversations`;

export function toConversation({ createdAt, lastAt, ...row }: ConversationRow): ShownConversation {
  return { ...row, createdAt: instant(createdAt), lastAt: instant(lastAt) };
}

export const conversationsList: BrocaCommand = command(
  v.strictObject({ limit: v.optional(limit, 100) }),
  (args, { store }: CommandContext) => {
    const rows = store.prepare<[number], ConversationRow>(`${CONVERSATION_ROW} ORDER BY lastAt DESC, id DESC LIMIT ?`).all(args.limit);
    return ok(rows.map(toConversation));
  },
);

export const conversationsGet: BrocaCommand = command(
  v.strictObject({ conversation: v.string(), limit: v.optional(limit, 100) }),
  (args, { store }: CommandContext) => {
    const rows = findConversation(store, args.conversation);
    const [row] = rows;
    if (row === undefined) {
      return failed(
        `there is no conversation ${args.conversation}: write its number, or channel/chat, as broca conversations list shows them`,
      );
    }
    if (rows.length > 1)
      return failed(`${args.conversation} fits conversations ${rows.map(({ id }) => id).join(', ')}: write the number of one`);
    const shown: ShownConversationDetail = { ...toConversation(row), messages: messagesOf(store, row.id, args.limit) };
    return ok(shown);
  },
);

/** By number, or by `channel/chat`. */
function findConversation(store: Store, name: string): ConversationRow[] {
  const slash = name.indexOf('/');
  if (slash === -1) {
    const id = /^[0-9]{1,15}$/.test(name) ? Number(name) : -1;
    return store.prepare<[number], ConversationRow>(`${CONVERSATION_ROW} WHERE id = ?`).all(id);
  }
  return store
    .prepare<[string, string], ConversationRow>(`${CONVERSATION_ROW} WHERE channel = ? AND chat = ? ORDER BY id`)
    .all(name.slice(0, slash), name.slice(slash + 1));
}

type MessageRow = Omit<ShownMessage, 'at' | 'attachments'> & { at: number; attachments: string };

/** The newest messages, oldest first; what the agent answered stands after what it answers. */
function messagesOf(store: Store, conversation: number, most: number): ShownMessage[] {
  const rows = store
    .prepare<[number, number, number], MessageRow>(
      `SELECT turn, at, "from", sender, text, attachments, state FROM (
         SELECT turns.id AS turn, inbounds.received_at AS at, 'person' AS "from",
           (SELECT coalesce('@' || nullif(username, ''), nullif(display_name, ''), sender_id) FROM profiles WHERE id = profile_id) AS sender,
           inbounds.text AS text, inbounds.attachments AS attachments, turns.state AS state, 0 AS side, inbounds.number AS place
         FROM turns JOIN inbounds ON inbounds.turn_id = turns.id WHERE conversation_id = ?
         UNION ALL
         SELECT turn_id, created_at, 'agent', NULL, text, '[]', state, 1, id FROM parts WHERE conversation_id = ?
       ) ORDER BY turn DESC, side DESC, place DESC LIMIT ?`,
    )
    .all(conversation, conversation, most);
  return rows.reverse().map((row) => ({ ...row, at: instant(row.at), attachments: readAttachments(row.attachments) }));
}
