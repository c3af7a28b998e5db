import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import DatabaseConstructor from 'better-sqlite3';
import { MIGRATIONS, migrate } from './migrate.ts';
import { describeOpenFault, openStore } from './open.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'broca-store-'));
  file = join(folder, 'animus.db');
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a new database has every commit on the disk and is kept in WAL', () => {
  const opened = openStore(file);
  assert.ok(opened.ok);
  assert.equal(opened.value.pragma('synchronous', { simple: true }), 2);
  assert.equal(opened.value.pragma('journal_mode', { simple: true }), 'wal');
  opened.value.close();
});

test('what was stored is there after the database is opened again', () => {
  const first = openStore(file);
  assert.ok(first.ok);
  first.value.prepare("INSERT INTO facts VALUES ('newest_message_id', 'x')").run();
  first.value.close();
  const second = openStore(file);
  assert.ok(second.ok);
  assert.equal(second.value.prepare("SELECT value FROM facts WHERE key = 'newest_message_id'").pluck().get(), 'x');
  second.value.close();
});

test('a database of a newer schema is refused untouched', () => {
  const opened = openStore(file);
  assert.ok(opened.ok);
  opened.value.pragma('user_version = 99');
  opened.value.close();
  const refused = openStore(file);
  assert.ok(!refused.ok);
  assert.equal(refused.error.kind, 'newer');
  assert.match(describeOpenFault(file, refused.error), /newer Broca \(schema 99, this one knows \d+\)/);
  const db = new DatabaseConstructor(file);
  assert.equal(db.pragma('user_version', { simple: true }), 99);
  db.close();
});

test('a database that a newer Broca migrated is worked with, as it is, where that Broca said so', () => {
  const opened = openStore(file);
  assert.ok(opened.ok);
  const store = opened.value;
  const known = MIGRATIONS.length;
  const newer = (version: number, worksFrom: number) => ({ version, worksFrom, sql: `CREATE TABLE more_${version} (text TEXT)` });
  const expanded = [...MIGRATIONS, newer(known + 1, known)];
  assert.deepEqual(migrate(store, expanded), { ok: true, value: { from: known, to: known + 1 } });
  assert.deepEqual(migrate(store), { ok: true, value: { from: known + 1, to: known + 1 } });
  assert.equal(store.pragma('user_version', { simple: true }), known + 1);
  assert.ok(migrate(store, [...expanded, newer(known + 2, known + 1)]).ok);
  assert.deepEqual(migrate(store), { ok: false, error: { kind: 'newer', found: known + 2, known } });
  store.close();
});

test("another program's database is refused untouched", () => {
  const db = new DatabaseConstructor(file);
  db.exec('CREATE TABLE recipes (name TEXT)');
  db.close();
  const before = readFileSync(file);
  const refused = openStore(file);
  assert.ok(!refused.ok);
  assert.match(describeOpenFault(file, refused.error), /another program \(tables recipes\)/);
  const after = new DatabaseConstructor(file);
  assert.deepEqual(after.prepare('SELECT name FROM sqlite_schema').pluck().all(), ['recipes']);
  after.close();
  assert.ok(before.length > 0);
});

test('a damaged file is refused untouched: only the Broca that runs the agent replaces it', () => {
  const rubbish = Buffer.alloc(8192, 'rubbish');
  writeFileSync(file, rubbish);
  const refused = openStore(file);
  assert.ok(!refused.ok);
  assert.match(describeOpenFault(file, refused.error), /is damaged .*start the agent/);
  assert.deepEqual(readFileSync(file), rubbish);
  assert.deepEqual(readdirSync(folder), ['animus.db']);
});

test('a released migration is never edited', () => {
  const sums = MIGRATIONS.map(({ version, sql }) => `${version} ${createHash('sha256').update(sql).digest('hex').slice(0, 16)}`);
  assert.deepEqual(
    sums,
    readFileSync(join(import.meta.dirname, 'migrations/checksums.txt'), 'utf8')
      .trim()
      .split('\n'),
  );
});
