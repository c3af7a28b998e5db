import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import DatabaseConstructor from 'better-sqlite3';
import { MIGRATIONS, migrate } from './migrate.ts';
import { describeOpenFault, openStore } from './open.ts';

const NOW = Date.UTC(2026, 10, 23);
let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'broca-store-'));
  file = join(folder, 'animus.db');
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a new database has every commit on the disk and is kept in WAL', () => {
  const opened = openStore(file, NOW);
  assert.ok(opened.ok);
  assert.equal(opened.value.store.pragma('synchronous', { simple: true }), 2);
  assert.equal(opened.value.store.pragma('journal_mode', { simple: true }), 'wal');
  assert.equal(opened.value.setAside, null);
  opened.value.store.close();
});

test('what was stored is there after the database is opened again', () => {
  const first = openStore(file, NOW);
  assert.ok(first.ok);
  first.value.store.prepare("INSERT INTO facts VALUES ('newest_message_id', 'x')").run();
  first.value.store.close();
  const second = openStore(file, NOW);
  assert.ok(second.ok);
  assert.equal(second.value.store.prepare("SELECT value FROM facts WHERE key = 'newest_message_id'").pluck().get(), 'x');
  second.value.store.close();
});

test('a database of a newer schema is refused untouched', () => {
  const opened = openStore(file, NOW);
  assert.ok(opened.ok);
  opened.value.store.pragma('user_version = 99');
  opened.value.store.close();
  const refused = openStore(file, NOW);
  assert.ok(!refused.ok);
  assert.equal(refused.error.kind, 'newer');
  assert.match(describeOpenFault(file, refused.error), /newer Broca \(schema 99, this one knows \d+\)/);
  const db = new DatabaseConstructor(file);
  assert.equal(db.pragma('user_version', { simple: true }), 99);
  db.close();
});

test('a database that a newer Broca migrated is worked with, as it is, where that Broca said so', () => {
  const opened = openStore(file, NOW);
  assert.ok(opened.ok);
  const { store } = opened.value;
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
  const refused = openStore(file, NOW);
  assert.ok(!refused.ok);
  assert.match(describeOpenFault(file, refused.error), /another program \(tables recipes\)/);
  const after = new DatabaseConstructor(file);
  assert.deepEqual(after.prepare('SELECT name FROM sqlite_schema').pluck().all(), ['recipes']);
  after.close();
  assert.ok(before.length > 0);
});

test('a damaged file is set aside whole, and a new database begun', () => {
  const rubbish = Buffer.alloc(8192, 'rubbish');
  writeFileSync(file, rubbish);
  const opened = openStore(file, NOW);
  assert.ok(opened.ok);
  opened.value.store.close();
  assert.ok(opened.value.setAside);
  assert.deepEqual(readFileSync(opened.value.setAside), rubbish);
  assert.ok(statSync(file).size > 0);
  assert.ok(readdirSync(folder).some((name) => name.startsWith('animus.db.damaged-2026-11-23')));
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
