/** Commits one row every 2 ms, as a Broca at its busiest would, until it is killed. */
import DatabaseConstructor from 'better-sqlite3';

const store = new DatabaseConstructor(process.argv[2], { timeout: 5_000 });
store.pragma('synchronous = FULL');
const write = store.prepare("INSERT INTO facts VALUES ('channels', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value");
let count = 0;
setInterval(() => {
  count += 1;
  write.run(String(count));
  if (count === 1) process.stdout.write('writing\n');
}, 2);
