/** Fills a database with turns that wait, as a long absence of Letta leaves them, without going through the inbox one by one. */
import { openStore, type Store } from '../../packages/broca-core/src/store/open.ts';

/** So many turns wait in each conversation: there is always one to step forward. */
const TURNS_A_CONVERSATION = 10;
const TEXT = 'A message of ordinary length, as people write them to an agent on their telephones. '.repeat(2);

export const FEW = 100;
export const MANY = 100_000;

/** Opens the database, made where there is none. Nothing is synced: what is measured with it is not the disk. */
export function openUnsynced(file: string): Store {
  const opened = openStore(file);
  if (!opened.ok) throw new Error(JSON.stringify(opened.error));
  const store = opened.value;
  store.pragma('synchronous = OFF');
  return store;
}

/** `turns` pending turns at the console, each conversation with a person of its own. Leaves one file, with no write-ahead log. */
export function makeBacklog(file: string, turns: number): void {
  const store = openUnsynced(file);
  const at = Date.now();
  const conversations = turns / TURNS_A_CONVERSATION;
  const fill = (sql: string, rows: number, ...values: (number | string)[]) =>
    store.prepare(`WITH RECURSIVE rows (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM rows WHERE n < ${rows}) ${sql}`).run(...values);
  store.transaction(() => {
    fill('INSERT INTO users (id, created_at, last_active_at) SELECT n, ?, ? FROM rows', conversations, at, at);
    fill(
      `INSERT INTO profiles (id, user_id, channel, sender_id, created_at, last_active_at)
       SELECT n, n, 'console', 's' || n, ?, ? FROM rows`,
      conversations,
      at,
      at,
    );
    fill(
      `INSERT INTO conversations (id, channel, account, chat, created_at) SELECT n, 'console', '', 'c' || n, ? FROM rows`,
      conversations,
      at,
    );
    fill(
      `INSERT INTO turns (id, conversation_id, profile_id, state, due_at, created_at)
       SELECT n, (n - 1) % ${conversations} + 1, (n - 1) % ${conversations} + 1, iif(n <= ${conversations}, 'waiting', 'queued'), ?, ?
       FROM rows`,
      turns,
      at,
      at,
    );
    fill(
      `INSERT INTO inbounds (turn_id, external_id, text, written_at, received_at) SELECT n, 'm' || n, ?, ?, ? FROM rows`,
      turns,
      TEXT,
      at,
      at,
    );
    fill(`INSERT INTO seen (conversation_id, external_id, turn_id) SELECT (n - 1) % ${conversations} + 1, 'm' || n, n FROM rows`, turns);
  })();
  store.pragma('wal_checkpoint(TRUNCATE)');
  store.close();
}
