/**
 * Takes what waits in another database (attached as `present`: one that was begun anew after a loss) along into the
 * copy that replaces it. Numbers mean something else there, so people and conversations are found by their names,
 * and turns get new numbers. Messages that either has seen stay seen.
 */
import type { Store } from '../open.ts';
import { columnsOf, promoteForemost, unfinishedTurns } from './open-rows.ts';

type Ids = { profile_id: number | null; conversation_id: number };

/** Gives how many turns came along. */
export function carryOver(store: Store): number {
  takeNames(store);
  const turns = store
    .prepare<[], { id: number } & Ids>(
      `SELECT id, profile_id, conversation_id FROM present.turns WHERE id IN (${unfinishedTurns('present')}) ORDER BY id`,
    )
    .all();
  const take = prepareTake(store);
  for (const turn of turns) take(turn);
  promoteForemost(store);
  return turns.length;
}

function takeNames(store: Store): void {
  store.exec(`
    INSERT OR IGNORE INTO main.conversations (channel, account, chat, created_at)
      SELECT channel, account, chat, created_at FROM present.conversations ORDER BY id;
    INSERT OR IGNORE INTO main.seen (conversation_id, external_id, turn_id)
      SELECT mine.id, external_id, 0 FROM present.seen
      JOIN present.conversations AS theirs ON theirs.id = conversation_id
      JOIN main.conversations AS mine USING (channel, account, chat);
    INSERT OR IGNORE INTO main.ignored SELECT * FROM present.ignored`);
  const missing = store
    .prepare<[], { id: number }>(
      `SELECT theirs.id FROM present.profiles AS theirs WHERE NOT EXISTS
         (SELECT 1 FROM main.profiles AS mine WHERE mine.channel = theirs.channel AND mine.sender_id = theirs.sender_id) ORDER BY theirs.id`,
    )
    .all();
  const user = columnsOf(store, 'users', ['id']).join(', ');
  const profile = columnsOf(store, 'profiles', ['id', 'user_id']).join(', ');
  const addUser = store.prepare(
    `INSERT INTO main.users (${user}) SELECT ${user} FROM present.users WHERE id = (SELECT user_id FROM present.profiles WHERE id = ?)`,
  );
  const addProfile = store.prepare(
    `INSERT INTO main.profiles (user_id, ${profile}) SELECT ?, ${profile} FROM present.profiles WHERE id = ?`,
  );
  for (const { id } of missing) addProfile.run(addUser.run(id).lastInsertRowid, id);
}

function prepareTake(store: Store): (turn: { id: number } & Ids) => void {
  const conversation = store
    .prepare<[number], number>(
      'SELECT mine.id FROM present.conversations AS theirs JOIN main.conversations AS mine USING (channel, account, chat) WHERE theirs.id = ?',
    )
    .pluck();
  const profile = store
    .prepare<[number | null], number>(
      'SELECT mine.id FROM present.profiles AS theirs JOIN main.profiles AS mine USING (channel, sender_id) WHERE theirs.id = ?',
    )
    .pluck();
  const columns = columnsOf(store, 'turns', ['id', 'conversation_id', 'profile_id']).join(', ');
  const addTurn = store.prepare(
    `INSERT INTO main.turns (conversation_id, profile_id, ${columns}) SELECT ?, ?, ${columns} FROM present.turns WHERE id = ?`,
  );
  const rows = (['inbounds', 'attempts'] as const).map((table) => {
    const names = columnsOf(store, table, ['turn_id']).join(', ');
    return store.prepare(`INSERT INTO main.${table} (turn_id, ${names}) SELECT ?, ${names} FROM present.${table} WHERE turn_id = ?`);
  });
  const partColumns = columnsOf(store, 'parts', ['id', 'turn_id', 'conversation_id']).join(', ');
  const addParts = store.prepare(
    `INSERT INTO main.parts (turn_id, conversation_id, ${partColumns}) SELECT ?, ?, ${partColumns} FROM present.parts WHERE turn_id = ? ORDER BY id`,
  );
  const point = store.prepare(
    'UPDATE main.seen SET turn_id = ? WHERE conversation_id = ? AND external_id IN (SELECT external_id FROM main.inbounds WHERE turn_id = ?)',
  );
  return ({ id, conversation_id, profile_id }) => {
    const chat = conversation.get(conversation_id);
    const turn = addTurn.run(chat, profile.get(profile_id) ?? null, id).lastInsertRowid;
    for (const statement of rows) statement.run(turn, id);
    addParts.run(turn, chat, id);
    point.run(turn, chat, turn);
  };
}
