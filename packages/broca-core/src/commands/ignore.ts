/** `broca ignore …`: people whose messages are refused, by id or `@username`, in one channel or in all (`*`). */

import { failed, ok } from 'animus-protocol';
import * as v from 'valibot';
import { EVERY_CHANNEL } from '../inbox/admit-policy.ts';
import type { BrocaCommand, CommandContext } from './command.ts';
import type { IgnoreResult, ShownIgnore } from './command-values.ts';
import { command, instant } from './define.ts';

/** Usernames are kept in lower case, as the inbox compares them. */
const sender = v.pipe(
  v.string(),
  v.trim(),
  v.nonEmpty('write the id of a sender, or @username'),
  v.check((value) => value !== '@', 'write the id of a sender, or @username'),
  v.transform((value) => (value.startsWith('@') ? value.toLowerCase() : value)),
);
const channel = v.optional(v.pipe(v.string(), v.nonEmpty()), EVERY_CHANNEL);

export const ignoreAdd: BrocaCommand = command(v.strictObject({ sender, channel }), (args, { store, now }: CommandContext) => {
  const { changes } = store
    .prepare('INSERT INTO ignored (channel, sender, created_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING')
    .run(args.channel, args.sender, now());
  const result: IgnoreResult = { channel: args.channel, sender: args.sender, changed: changes === 1 };
  return ok(result);
});

export const ignoreRemove: BrocaCommand = command(v.strictObject({ sender, channel }), (args, { store }: CommandContext) => {
  const { changes } = store.prepare('DELETE FROM ignored WHERE channel = ? AND sender = ?').run(args.channel, args.sender);
  const others = store.prepare<[string], string>('SELECT channel FROM ignored WHERE sender = ? ORDER BY channel').pluck().all(args.sender);
  if (changes === 0 && others.length > 0) return failed(`${args.sender} is ignored in ${others.join(', ')}: add --channel ${others[0]}`);
  const result: IgnoreResult = { channel: args.channel, sender: args.sender, changed: changes === 1 };
  return ok(result);
});

export const ignoreList: BrocaCommand = command(v.strictObject({}), (_args, { store }: CommandContext) => {
  type Row = Omit<ShownIgnore, 'createdAt'> & { createdAt: number };
  const rows = store.prepare<[], Row>('SELECT channel, sender, created_at AS createdAt FROM ignored ORDER BY channel, sender').all();
  return ok(rows.map((row): ShownIgnore => ({ ...row, createdAt: instant(row.createdAt) })));
});
