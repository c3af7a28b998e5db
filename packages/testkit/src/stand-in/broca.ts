/**
 * The Broca of a stand-in repository (repository.ts): it makes a database with the packages of its runtime, and tells
 * how it was called. It is copied into that repository and built there, beside an `animus-protocol` of its own.
 */
import * as protocol from 'animus-protocol';
import Database from 'better-sqlite3';
import * as v from 'valibot';

const [command, ...args] = v.parse(v.array(v.string()), process.argv.slice(2));
if (command === 'create-database') {
  const db = new Database(`${args[1]}/animus.db`);
  db.exec('CREATE TABLE note (text TEXT)');
  db.close();
} else {
  const origin: unknown = Reflect.get(protocol, 'origin');
  process.stdout.write(`${JSON.stringify({ origin, command, args, folder: process.cwd(), node: process.execPath })}\n`);
  process.exitCode = command === 'queue' ? 7 : 0;
}
