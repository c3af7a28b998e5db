/**
 * Another program with the database argv[2] open. argv[3]: `idle` only has it open; `wal` does so in WAL with
 * something in the log; `half-done` has half a transaction on the disk. Says a word when it is there.
 */
import DatabaseConstructor from 'better-sqlite3';

const [file = '', how = 'idle'] = process.argv.slice(2);
const db = new DatabaseConstructor(file);
db.prepare('SELECT count(*) FROM messages').get();
if (how === 'wal') {
  db.pragma('journal_mode = WAL');
  db.pragma('wal_autocheckpoint = 0');
  db.exec(
    "INSERT INTO messages (letta_user_id, platform_profile_id, role, message, timestamp) VALUES (1, 1, 'user', 'in the log', '2026-07-10 11:08 UTC')",
  );
}
if (how === 'half-done') {
  // So small a cache that changed pages reach the file before the commit.
  db.pragma('cache_size = 1');
  db.exec('BEGIN; UPDATE messages SET message = hex(randomblob(2000)); DELETE FROM queue');
}
process.stdout.write('open');
setInterval(() => db.open, 60_000);
