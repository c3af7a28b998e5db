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
  const remove = store.prepare('DELETE FROM ignored WHERE channel = ? AND sender = ?');
  const named = idsOf(args.sender, store);
  const changes = [args.sender, ...named].reduce((sum, one) => sum + remove.run(args.channel, one).changes, 0);
  if (changes > 0) return ok<IgnoreResult>({ channel: args.channel, sender: args.sender, changed: true });
  const elsewhere = store.prepare<[string], string>('SELECT channel FROM ignored WHERE sender = ? ORDER BY channel').pluck();
  const others = [args.sender, ...named].flatMap((one) => elsewhere.all(one));
  if (others.length > 0) return failed(`${args.sender} is ignored in ${others.join(', ')}: add --channel ${others[0]}`);
  const isAnybody = store.prepare<[], number>('SELECT EXISTS (SELECT 1 FROM ignored)').pluck().get() === 1;
  if (args.sender.startsWith('@') && isAnybody)
    return failed(`nobody is ignored by the name ${args.sender}: a name becomes an id once that is known; see \`ignore list\``);
  return ok<IgnoreResult>({ channel: args.channel, sender: args.sender, changed: false });
});

/** Whoever is known by a name is on the list by id (inbox/receive.ts). */
function idsOf(sender: string, store: CommandContext['store']): string[] {
  if (!sender.startsWith('@')) return [];
  return store.prepare<[string], string>('SELECT DISTINCT sender_id FROM profiles WHERE lower(username) = ?').pluck().all(sender.slice(1));
}

export const ignoreList: BrocaCommand = command(v.strictObject({}), (_args, { store }: CommandContext) => {
  type Row = Omit<ShownIgnore, 'createdAt'> & { createdAt: number };
  const rows = store.prepare<[], Row>('SELECT channel, sender, created_at AS createdAt FROM ignored ORDER BY channel, sender').all();
  return ok(rows.map((row): ShownIgnore => ({ ...row, createdAt: instant(row.createdAt) })));
});
