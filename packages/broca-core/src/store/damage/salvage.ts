/**
 * Takes what can still be read of a damaged database into a new one: each table forwards up to the first unreadable
 * page, then backwards down to it. Tables alone are read, never an index, so a damaged index costs nothing.
 */
import DatabaseConstructor, { type Database } from 'better-sqlite3';
import { isDamage, type Store } from '../open.ts';
import { columnsOf, park, raiseNumber } from '../restore/open-rows.ts';

export type Salvaged = {
  /** Rows that came along, by table. */
  taken: Record<string, number>;
  /** Tables of which something could not be read, or made no sense. */
  incomplete: string[];
};

const NO_TEXT = '(this message could not be read any more: the database was damaged)';
const LOST_TURN =
  'the database was damaged, and what became of this could not be read any more: look at the conversation, then retry or settle it';
const NO_ATTEMPT = 'it was being asked when the database was damaged, and what was sent could not be read any more';

/** Inside the caller's transaction. */
export function salvage(file: string, store: Store, now: number): Salvaged {
  const salvaged: Salvaged = { taken: {}, incomplete: [] };
  const from = openAsItIs(file);
  for (const table of tablesOf(store)) {
    const { taken, isWhole } = from === null ? { taken: 0, isWhole: false } : takeTable(from, store, table, now);
    salvaged.taken[table] = taken;
    if (!isWhole) salvaged.incomplete.push(table);
  }
  if (from !== null) keepNumbers(from, store);
  from?.close();
  completeTurns(store, now);
  return salvaged;
}

function openAsItIs(file: string): Database | null {
  try {
    return new DatabaseConstructor(file, { fileMustExist: true });
  } catch {
    return null;
  }
}

/** In the order in which rows refer to each other. What triggers keep is not taken. */
function tablesOf(store: Store): string[] {
  return store
    .prepare<[], string>(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'tallies' ORDER BY rowid",
    )
    .pluck()
    .all();
}

type Row = unknown[];

function takeTable(from: Database, store: Store, table: string, now: number): { taken: number; isWhole: boolean } {
  let taken = 0;
  let isWhole = true;
  try {
    // One that has no such column, or no such table, is of an older schema.
    const known = new Set((from.pragma(`table_info(${table})`) as { name: string }[]).map(({ name }) => name));
    const columns = columnsOf(store, table).filter((name) => known.has(name));
    if (columns.length === 0) return { taken, isWhole };
    const key = keyOfTable(store, table);
    const select = (order: 'ASC' | 'DESC') =>
      from
        .prepare<[], Row>(`SELECT ${columns.join(', ')} FROM ${table} ORDER BY ${key.map((name) => `${name} ${order}`).join(', ')}`)
        .raw();
    const keyAt = key.map((name) => columns.indexOf(name));
    const keyOf = (row: Row): string => JSON.stringify(keyAt.map((index) => row[index]));
    const add = prepareAdd(store, table, columns, now);
    const take = (row: Row): void => {
      if (add(row)) taken += 1;
      else isWhole = false;
    };
    let last: string | null = null;
    try {
      for (const row of select('ASC').iterate()) {
        take(row);
        last = keyOf(row);
      }
    } catch (error) {
      if (!isDamage(error)) throw error;
      isWhole = false;
      for (const row of select('DESC').iterate()) {
        if (keyOf(row) === last) break;
        take(row);
      }
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    isWhole = false;
  }
  return { taken, isWhole };
}

function keyOfTable(store: Store, table: string): string[] {
  const info = store.pragma(`table_info(${table})`) as { name: string; pk: number }[];
  return info
    .filter(({ pk }) => pk > 0)
    .sort((a, b) => a.pk - b.pk)
    .map(({ name }) => name);
}

/** Adds a row, and says whether it came along. A fact that the new database has of its own stays. */
function prepareAdd(store: Store, table: string, columns: readonly string[], now: number): (row: Row) => boolean {
  const insert = store.prepare(`INSERT OR IGNORE INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`);
  const add = (row: Row): boolean => attempt(() => insert.run(row).changes === 1 || table === 'facts');
  const makeUp = prepareMakeUp(store, table, columns, now);
  const withoutPerson = (row: Row): Row => row.map((value, index) => (columns[index] === 'profile_id' ? null : value));
  return (row) => add(row) || (attempt(() => makeUp(row)) && add(row)) || (table === 'turns' && add(withoutPerson(row)));
}

/** What a row refers to may be lost: a message is of use without it. Says whether something was made up. */
function prepareMakeUp(store: Store, table: string, columns: readonly string[], now: number): (row: Row) => boolean {
  const at = (row: Row, column: string): unknown => row[columns.indexOf(column)];
  const make = (sql: string) => {
    const statement = store.prepare(sql);
    return (...values: unknown[]): boolean => statement.run(...values).changes === 1;
  };
  switch (table) {
    case 'profiles': {
      const addUser = make('INSERT OR IGNORE INTO users (id, created_at, last_active_at) VALUES (?, ?, ?)');
      return (row) => addUser(at(row, 'user_id'), at(row, 'created_at'), at(row, 'last_active_at'));
    }
    case 'seen':
    case 'turns': {
      const addConversation = make(
        "INSERT OR IGNORE INTO conversations (id, channel, account, chat, created_at) VALUES (?, 'unknown', '', 'lost-' || ?, ?)",
      );
      return (row) => addConversation(at(row, 'conversation_id'), at(row, 'conversation_id'), now);
    }
    case 'inbounds':
    case 'attempts':
    case 'parts': {
      const addTurn = make(
        `INSERT OR IGNORE INTO turns (id, conversation_id, state, reason, due_at, created_at, settled_at)
         SELECT turn_id, conversation_id, 'parked', '${LOST_TURN}', ${now}, ${now}, ${now} FROM seen WHERE turn_id = ? LIMIT 1`,
      );
      return (row) => addTurn(at(row, 'turn_id'));
    }
    default:
      return () => false;
  }
}

function attempt(write: () => boolean): boolean {
  try {
    return write();
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('SQLITE_CONSTRAINT') !== true) throw error;
    return false;
  }
}

/** Numbers of turns that are lost are not given again. */
function keepNumbers(from: Database, store: Store): void {
  raiseNumber(store, 'turns', store.prepare<[], number>('SELECT coalesce(max(turn_id), 0) FROM seen').pluck().get() ?? 0);
  try {
    for (const { name, seq } of from.prepare<[], { name: string; seq: number }>('SELECT name, seq FROM sqlite_sequence').all()) {
      if (Number.isSafeInteger(seq)) raiseNumber(store, name, seq);
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
  }
}

/** A turn that was made up has an end where that can be told; an open one has what the queue takes for granted. */
function completeTurns(store: Store, now: number): void {
  store
    .prepare(
      `UPDATE turns SET state = 'settled', outcome = 'answered' WHERE state = 'parked' AND reason = ?
         AND (EXISTS (SELECT 1 FROM parts WHERE turn_id = turns.id)
           OR EXISTS (SELECT 1 FROM attempts WHERE turn_id = turns.id AND outcome IN ('answered', 'silent')))`,
    )
    .run(LOST_TURN);
  store
    .prepare(
      `INSERT INTO inbounds (turn_id, external_id, text, written_at, received_at)
       SELECT id, coalesce((SELECT external_id FROM seen WHERE turn_id = turns.id), 'lost'), ?, created_at, created_at FROM turns
       WHERE state IN ('queued', 'waiting', 'running', 'parked') AND NOT EXISTS (SELECT 1 FROM inbounds WHERE turn_id = turns.id)`,
    )
    .run(NO_TEXT);
  const unsent = store
    .prepare<[], number>(
      "SELECT id FROM turns WHERE state = 'running' AND NOT EXISTS (SELECT 1 FROM attempts WHERE turn_id = turns.id AND over_at IS NULL)",
    )
    .pluck()
    .all();
  park(store, unsent, NO_ATTEMPT, now);
}
