/** Counts both databases, each by its own SQL, so that a fault of the copying cannot hide in the counting. */
import type { Database } from 'better-sqlite3';
import { isAgentsOwn, MESSAGES } from './original.ts';
import { fateOf } from './reconcile-policy.ts';

export type Counts = {
  users: number;
  profiles: number;
  messages: number;
  /** Rows of the original's queue, by status. */
  queue: Record<string, number>;
  /** Turns by what became of them: `answered`, `waiting`, `parked` … */
  turns: Record<string, number>;
  /** Replies by state: `sent`, `uncertain`. */
  replies: Record<string, number>;
  /** Sums that only agree when nothing was cut or mixed up. */
  sums: { text: number; replyText: number; identities: number; blocks: number };
};

type Group = {
  status: string | null;
  role: string | null;
  attempts: number;
  isProcessed: number;
  hasResponse: number;
  hasSender: number;
  count: number;
  text: number;
  replyText: number;
};

export function countOriginal(from: Database): Counts {
  const number = (sql: string): number => from.prepare<[], number>(sql).pluck().get() ?? 0;
  const groups = from
    .prepare<[], Group>(
      `SELECT status, role, max(attempts) AS attempts, isProcessed, response IS NOT NULL AS hasResponse, profileId IS NOT NULL AS hasSender,
         count(*) AS count, total(length(text)) AS text, total(length(response)) AS replyText
       FROM (${MESSAGES}) GROUP BY status, role, isProcessed, hasResponse, hasSender`,
    )
    .all();
  const counts: Counts = {
    users: number('SELECT count(*) FROM letta_users') + number(USERS_TO_MAKE),
    profiles: number('SELECT count(*) FROM platform_profiles'),
    messages: number('SELECT count(*) FROM messages'),
    queue: {},
    turns: {},
    replies: {},
    sums: {
      text: 0,
      replyText: 0,
      identities: number("SELECT count(*) FROM letta_users WHERE trim(CAST(letta_identity_id AS TEXT)) <> ''"),
      blocks: number("SELECT count(*) FROM letta_users WHERE trim(CAST(letta_block_id AS TEXT)) <> ''"),
    },
  };
  for (const { name, count } of from
    .prepare<[], Named>('SELECT CAST(status AS TEXT) AS name, count(*) AS count FROM queue GROUP BY 1')
    .all())
    counts.queue[name ?? 'none'] = count;
  for (const group of groups) addGroup(counts, group);
  return counts;
}

const USERS_TO_MAKE =
  'SELECT count(*) FROM platform_profiles WHERE letta_user_id IS NULL OR letta_user_id NOT IN (SELECT id FROM letta_users)';

type Named = { name: string | null; count: number };

function addGroup(counts: Counts, group: Group): void {
  const isOwn = isAgentsOwn(group);
  const fate = fateOf({
    status: group.status,
    attempts: group.attempts,
    isProcessed: group.isProcessed !== 0,
    hasResponse: group.hasResponse !== 0 || isOwn,
    hasSender: group.hasSender !== 0,
  });
  add(counts.turns, fate.outcome ?? fate.state, group.count);
  if (isOwn) add(counts.replies, 'sent', group.count);
  else if (fate.reply !== null) add(counts.replies, fate.reply.state, group.count);
  if (!isOwn) counts.sums.text += group.text;
  counts.sums.replyText += isOwn ? group.text : group.replyText;
}

function add(counts: Record<string, number>, name: string, count: number): void {
  counts[name] = (counts[name] ?? 0) + count;
}

/** What differs between what should be there and what is, in words; nothing when all agrees. */
export function compareCounts(wanted: Counts, to: Database): string[] {
  const differences: string[] = [];
  const number = (sql: string): number => to.prepare<[], number>(sql).pluck().get() ?? 0;
  const same = (name: string, expected: number, sql: string): void => {
    const found = number(sql);
    if (found !== expected) differences.push(`${name}: ${expected} before, ${found} after`);
  };
  same('users', wanted.users, 'SELECT count(*) FROM users');
  same('profiles', wanted.profiles, 'SELECT count(*) FROM profiles');
  same('messages', wanted.messages, 'SELECT count(*) FROM turns');
  same('message texts', wanted.sums.text, 'SELECT total(length(text)) FROM inbounds');
  same('reply texts', wanted.sums.replyText, 'SELECT total(length(text)) FROM parts');
  same('identities', wanted.sums.identities, 'SELECT count(identity_id) FROM users');
  same('blocks', wanted.sums.blocks, 'SELECT count(block_id) FROM users');
  same('tombstones', number('SELECT count(*) FROM inbounds'), 'SELECT count(*) FROM seen');
  const groups = (sql: string): Record<string, number> =>
    Object.fromEntries(
      to
        .prepare<[], Named>(sql)
        .all()
        .map(({ name, count }) => [name ?? 'none', count]),
    );
  const turns = groups(
    "SELECT coalesce(outcome, CASE state WHEN 'queued' THEN 'waiting' ELSE state END) AS name, count(*) AS count FROM turns GROUP BY 1",
  );
  differences.push(...differing('turns', wanted.turns, turns));
  differences.push(...differing('replies', wanted.replies, groups('SELECT state AS name, count(*) AS count FROM parts GROUP BY 1')));
  same('rows that point to nothing', 0, 'SELECT count(*) FROM pragma_foreign_key_check');
  return differences;
}

function differing(what: string, wanted: Record<string, number>, found: Record<string, number>): string[] {
  const names = [...new Set([...Object.keys(wanted), ...Object.keys(found)])];
  return names
    .filter((name) => (wanted[name] ?? 0) !== (found[name] ?? 0))
    .map((name) => `${what} ${name}: ${wanted[name] ?? 0} before, ${found[name] ?? 0} after`);
}
