/** `broca queue …`: looking at turns. What changes them is in queue-changes.ts. */

import { failed, ok } from 'animus-protocol';
import * as v from 'valibot';
import { readAttachments } from '../attachments/parse.ts';
import type { Store } from '../store/open.ts';
import type { BrocaCommand, CommandContext } from './command.ts';
import type { PartState, QueuedTurn, QueueStats, ShownPart, ShownTurn, TurnState } from './command-values.ts';
import { command, instant, limit, rowId } from './define.ts';

export const TURN_STATES: readonly TurnState[] = ['queued', 'waiting', 'running', 'settled', 'parked'];
const PART_STATES: readonly PartState[] = ['queued', 'waiting', 'sending', 'sent', 'refused', 'uncertain'];

type TurnRow = Omit<QueuedTurn, 'text' | 'createdAt' | 'dueAt' | 'settledAt'> & {
  text: string | null;
  createdAt: number;
  dueAt: number;
  settledAt: number | null;
};

const TURN_ROW = `
  SELECT turns.id, state, outcome, reason, channel, account, chat, failures, turns.crashes, turns.created_at AS createdAt, due_at AS dueAt,
    settled_at AS settledAt,
    coalesce(
      (SELECT group_concat(text, char(10)) FROM (SELECT text FROM inbounds WHERE turn_id = turns.id ORDER BY number)),
      CASE outcome WHEN 'unprompted' THEN (SELECT text FROM parts WHERE turn_id = turns.id ORDER BY id LIMIT 1) END
    ) AS text,
    (SELECT coalesce('@' || nullif(username, ''), nullif(display_name, ''), sender_id) FROM profiles WHERE id = turns.profile_id) AS sender,
    (SELECT count(*) FROM parts WHERE turn_id = turns.id AND parts.state IN ('queued', 'waiting', 'sending')) AS unsent,
    (SELECT count(*) FROM parts WHERE turn_id = turns.id AND parts.state = 'uncertain') AS uncertain,
    (SELECT coalesce(max(crashes), 0) FROM parts WHERE turn_id = turns.id AND parts.state IN ('queued', 'waiting', 'sending')) AS partCrashes
  FROM turns
  JOIN conversations ON conversations.id = turns.conversation_id
  WHERE turns.id = ?`;

/** What asks for attention: not settled, or a reply that is not surely handed over. Each branch reads a partial index. */
const OPEN_IDS = `
  SELECT id FROM turns WHERE state IN ('queued', 'waiting', 'running')
  UNION SELECT id FROM turns WHERE state = 'parked'
  UNION SELECT turn_id FROM parts WHERE state IN ('queued', 'waiting', 'sending')
  UNION SELECT turn_id FROM parts WHERE state = 'uncertain'
  ORDER BY 1 LIMIT ?`;

export const queueList: BrocaCommand = command(
  v.strictObject({ state: v.optional(v.picklist(['open', 'all', ...TURN_STATES]), 'open'), limit: v.optional(limit, 100) }),
  (args, { store }: CommandContext) => ok(listTurns(store, args.state, args.limit)),
);

/** Of what is open the oldest come first and are kept; of what is over the newest are kept. Shown oldest first. */
function listTurns(store: Store, state: 'open' | 'all' | TurnState, most: number): QueuedTurn[] {
  const ids = idsOf(store, state, most);
  const row = store.prepare<[number], TurnRow>(TURN_ROW);
  return ids
    .map((id) => row.get(id))
    .filter((found) => found !== undefined)
    .map(toQueuedTurn);
}

function idsOf(store: Store, state: 'open' | 'all' | TurnState, most: number): number[] {
  const pluck = (sql: string): number[] => store.prepare<[number], number>(sql).pluck().all(most);
  switch (state) {
    case 'open':
      return pluck(OPEN_IDS);
    case 'all':
      return pluck('SELECT id FROM turns ORDER BY id DESC LIMIT ?').reverse();
    case 'settled':
      return pluck("SELECT id FROM turns WHERE state = 'settled' ORDER BY id DESC LIMIT ?").reverse();
    default:
      return store.prepare<[string, number], number>('SELECT id FROM turns WHERE state = ? ORDER BY id LIMIT ?').pluck().all(state, most);
  }
}

function toQueuedTurn({ createdAt, dueAt, settledAt, ...row }: TurnRow): QueuedTurn {
  return { ...row, text: row.text ?? '', createdAt: instant(createdAt), dueAt: instant(dueAt), settledAt: instant(settledAt) };
}

export const queueStats: BrocaCommand = command(v.strictObject({}), (_args, { store }: CommandContext) => {
  const turns = store.prepare<[], Counted>('SELECT state AS name, count(*) AS count FROM turns GROUP BY state').all();
  const outcomes = store
    .prepare<[], Counted>("SELECT outcome AS name, count(*) AS count FROM turns WHERE state = 'settled' GROUP BY outcome ORDER BY outcome")
    .all();
  const parts = store.prepare<[], Counted>('SELECT state AS name, count(*) AS count FROM parts GROUP BY state').all();
  const oldest = store
    .prepare<[], number | null>("SELECT min(created_at) FROM turns WHERE state IN ('queued', 'waiting', 'running')")
    .pluck()
    .get();
  const stats: QueueStats = {
    turns: tally(TURN_STATES, turns),
    outcomes: Object.fromEntries(outcomes.map(({ name, count }) => [name, count])),
    parts: tally(PART_STATES, parts),
    oldestOpenAt: instant(oldest ?? null),
  };
  return ok(stats);
});

type Counted = { name: string; count: number };

function tally<K extends string>(names: readonly K[], counted: readonly Counted[]): Record<K, number> {
  const counts: Partial<Record<K, number>> = {};
  for (const name of names) counts[name] = counted.find((row) => row.name === name)?.count ?? 0;
  return counts as Record<K, number>;
}

export const queueShow: BrocaCommand = command(v.strictObject({ turn: rowId }), ({ turn }, { store }: CommandContext) => {
  const shown = showTurn(store, turn);
  return shown === null ? failed(noSuchTurn(turn)) : ok(shown);
});

export function noSuchTurn(turn: number): string {
  return `there is no turn ${turn}: see which there are with broca queue list --state all`;
}

type InstantsAsNumbers<T, K extends keyof T> = Omit<T, K> & { [P in K]: T[P] extends string ? number : number | null };

function showTurn(store: Store, turn: number): ShownTurn | null {
  const row = store.prepare<[number], TurnRow>(TURN_ROW).get(turn);
  if (row === undefined) return null;
  return { ...toQueuedTurn(row), inbounds: inboundsOf(store, turn), attempts: attemptsOf(store, turn), parts: partsOf(store, turn) };
}

function inboundsOf(store: Store, turn: number): ShownTurn['inbounds'] {
  type Row = Omit<ShownTurn['inbounds'][number], 'writtenAt' | 'receivedAt' | 'attachments'> & {
    writtenAt: number;
    receivedAt: number;
    attachments: string;
  };
  return store
    .prepare<[number], Row>(
      `SELECT external_id AS externalId, text, attachments, reply_to AS replyTo, written_at AS writtenAt, received_at AS receivedAt
       FROM inbounds WHERE turn_id = ? ORDER BY number`,
    )
    .all(turn)
    .map((row) => ({
      ...row,
      attachments: readAttachments(row.attachments),
      writtenAt: instant(row.writtenAt),
      receivedAt: instant(row.receivedAt),
    }));
}

function attemptsOf(store: Store, turn: number): ShownTurn['attempts'] {
  return store
    .prepare<[number], InstantsAsNumbers<ShownTurn['attempts'][number], 'sentAt' | 'progressAt' | 'overAt'>>(
      `SELECT number, endpoint, agent_id AS agentId, run_id AS runId, sent_at AS sentAt, progress_at AS progressAt, over_at AS overAt,
         outcome, reason
       FROM attempts WHERE turn_id = ? ORDER BY number`,
    )
    .all(turn)
    .map((row) => ({ ...row, sentAt: instant(row.sentAt), progressAt: instant(row.progressAt), overAt: instant(row.overAt) }));
}

function partsOf(store: Store, turn: number): ShownPart[] {
  return store
    .prepare<[number], InstantsAsNumbers<ShownPart, 'createdAt' | 'firstSentAt' | 'settledAt'>>(
      `SELECT number, count, text, state, reason, created_at AS createdAt, first_sent_at AS firstSentAt, settled_at AS settledAt,
         platform_id AS platformId
       FROM parts WHERE turn_id = ? ORDER BY id`,
    )
    .all(turn)
    .map((row) => ({
      ...row,
      createdAt: instant(row.createdAt),
      firstSentAt: instant(row.firstSentAt),
      settledAt: instant(row.settledAt),
    }));
}
