/** The database of a Python Broca becomes ours: whole, counted, backed up, and whatever kills it on the way. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { openStore } from '../../packages/broca-core/src/store/open.ts';
import { TAKE_OVER_STEPS, type TakenOver, type TakeOverFault, takeOver } from '../../packages/broca-core/src/store/takeover/take-over.ts';
import { change, column, dump, PythonHome, read } from './home.ts';

const NOW = Date.UTC(2026, 11, 1);
const PAGE = 4096;

async function take(home: PythonHome, named: string | null = null): Promise<TakenOver> {
  const taken = await takeOver({ folder: home.folder, now: NOW, named });
  assert.ok(taken.ok, taken.ok ? '' : taken.error.reason);
  assert.ok(taken.value !== null);
  return taken.value;
}

async function refuse(home: PythonHome): Promise<TakeOverFault> {
  const taken = await takeOver({ folder: home.folder, now: NOW, named: null });
  assert.ok(!taken.ok);
  return taken.error;
}

function names(home: PythonHome): string[] {
  return readdirSync(home.folder)
    .filter((name) => name.includes('.db'))
    .sort();
}

async function hold(file: string, how: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'database-holder.fixture.ts'), file, how], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  assert.ok(child.stdout);
  await once(child.stdout, 'data');
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

test('all of it is there afterwards, with the numbers it had', async () => {
  using home = new PythonHome();
  const before = dump(home.database);
  const taken = await take(home);
  assert.deepEqual(taken.queue, { completed: 29, failed: 12, flushed: 13, pending: 3, processing: 3 });
  assert.deepEqual(taken.turns, { answered: 29, refused: 12, flushed: 13, waiting: 3, parked: 3 });
  assert.deepEqual([taken.users, taken.profiles, taken.messages, taken.replies, taken.notes], [10, 10, 60, { sent: 29 }, []]);

  const ids = (sql: string): unknown[] => read(home.database, (db) => db.prepare(sql).all());
  assert.deepEqual(
    ids('SELECT id, identity_id AS letta_identity_id, block_id AS letta_block_id, is_active FROM users'),
    before['letta_users']?.map((row) => pick(row, ['id', 'letta_identity_id', 'letta_block_id', 'is_active'])),
  );
  assert.deepEqual(
    ids(
      "SELECT id, user_id AS letta_user_id, channel AS platform, sender_id AS platform_user_id, coalesce(username, '') AS username, display_name FROM profiles",
    ),
    before['platform_profiles']?.map((row) =>
      pick(row, ['id', 'letta_user_id', 'platform', 'platform_user_id', 'username', 'display_name']),
    ),
  );
  assert.deepEqual(
    ids('SELECT turns.id, profile_id AS platform_profile_id, text AS message FROM turns JOIN inbounds ON turn_id = turns.id ORDER BY 1'),
    before['messages']?.map((row) => pick(row, ['id', 'platform_profile_id', 'message'])),
  );
  assert.deepEqual(
    column(home.database, 'SELECT text FROM parts ORDER BY turn_id'),
    before['messages']?.flatMap((row) => Object.values(pick(row, ['agent_response'])).filter((text) => text !== null)),
  );
  assert.deepEqual(column(home.database, 'SELECT received_at FROM inbounds WHERE turn_id = 1'), [Date.UTC(2026, 6, 10, 11, 8)]);
  assert.deepEqual(column(home.database, 'SELECT created_at FROM users WHERE id = 1'), [Date.UTC(2026, 10, 23, 3, 34, 20, 30)]);
  assert.deepEqual(column(home.database, 'SELECT external_id FROM seen WHERE turn_id = 7'), ['python-7']);
});

function pick(row: unknown, keys: readonly string[]): Record<string, unknown> {
  assert.ok(typeof row === 'object' && row !== null);
  const entries = new Map(Object.entries(row));
  return Object.fromEntries(keys.map((key) => [key, entries.get(key)]));
}

test('the backup holds the same rows, is private and stays; the new file stands alone', async () => {
  using home = new PythonHome();
  const before = dump(home.database);
  const { backup } = await take(home);
  assert.ok(backup !== null);
  assert.match(backup, /animus\.db\.python-2026-12-01T000000\.000Z$/);
  assert.deepEqual(dump(backup), before);
  assert.deepEqual(
    read(backup, (db) => db.pragma('integrity_check', { simple: true })),
    'ok',
  );
  for (const file of [backup, home.database]) assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(names(home), ['animus.db', 'animus.db.python-2026-12-01T000000.000Z']);
});

test('what is ours is not taken over again', async () => {
  using home = new PythonHome();
  await take(home);
  const bytes = readFileSync(home.database);
  assert.deepEqual(await takeOver({ folder: home.folder, now: NOW, named: null }), { ok: true, value: null });
  assert.deepEqual(readFileSync(home.database), bytes);
});

test('a trial counts and leaves nothing', async () => {
  using home = new PythonHome();
  const bytes = readFileSync(home.database);
  const tried = await takeOver({ folder: home.folder, now: NOW, named: null, isTrial: true });
  assert.ok(tried.ok && tried.value?.messages === 60 && tried.value.backup === null);
  assert.deepEqual(names(home), ['animus.db']);
  assert.deepEqual(readFileSync(home.database), bytes);
});

for (const step of TAKE_OVER_STEPS) {
  test(`killed at ${step}: the old one is usable or the new one whole, and the next try ends it`, async () => {
    using home = new PythonHome();
    const before = dump(home.database);
    const program = join(import.meta.dirname, 'take-over.fixture.ts');
    assert.equal(spawnSync(process.execPath, [program, home.folder, step], { stdio: 'inherit' }).signal, 'SIGKILL');
    const isNew = column(home.database, "SELECT count(*) FROM sqlite_schema WHERE name = 'turns'")[0] === 1;
    assert.equal(isNew, step === 'renamed' || step === 'done');
    if (!isNew) assert.deepEqual(dump(home.database), before);
    const again = spawnSync(process.execPath, [program, home.folder], { encoding: 'utf8' });
    assert.equal(again.status, 0, again.stderr);
    assert.deepEqual(column(home.database, 'SELECT count(*) FROM turns'), [60]);
    const backups = names(home).filter((name) => name.includes('.python-'));
    assert.equal(backups.length, 1, String(names(home)));
    assert.deepEqual(dump(home.path(backups[0] ?? '')), before);
    assert.deepEqual(names(home).length, 2, 'nothing else is left');
  });
}

test('while another program has it open it is refused with its pid, and untouched; afterwards it is taken', async () => {
  for (const how of ['idle', 'wal', 'half-done']) {
    using home = new PythonHome();
    const other = await hold(home.database, how);
    const fault = await refuse(home);
    assert.match(fault.reason, new RegExp(`in use by pid ${other.pid} `), how);
    assert.equal(fault.isLasting, false);
    await end(other);
    assert.equal(existsSync(`${home.database}-journal`), how === 'half-done');
    // What a transaction had half done is undone; what was committed into the log is there.
    const taken = await take(home);
    assert.equal(taken.messages, how === 'wal' ? 61 : 60, how);
    assert.equal(taken.queue['completed'], 29);
    assert.deepEqual(names(home).length, 2, String(names(home)));
  }
});

test('a Python Broca that runs in the folder is found though it has nothing open', async () => {
  using home = new PythonHome();
  mkdirSync(home.path('broca'));
  writeFileSync(home.path('broca', 'main.py'), "import sys, time\nprint('runs', flush=True)\ntime.sleep(60)\n");
  const python = spawn('python3', ['broca/main.py'], { cwd: home.folder, stdio: ['ignore', 'pipe', 'ignore'] });
  const isThere = await Promise.race([once(python.stdout, 'data'), once(python, 'error').then(() => null)]);
  if (isThere === null) return;
  try {
    assert.match((await refuse(home)).reason, new RegExp(`pid ${python.pid} \\(\\S*python\\S* broca/main\\.py\\)`));
  } finally {
    await end(python);
  }
  await take(home);
});

test('the original’s own name and places are known; the file under that name becomes the backup', async () => {
  for (const [place, named] of [
    ['sanctum.db', null],
    ['broca/sanctum.db', null],
    ['broca.python-2026/sanctum.db', null],
    ['data.sqlite', './data.sqlite'],
  ] as const) {
    using home = new PythonHome();
    mkdirSync(home.path(place, '..'), { recursive: true });
    renameSync(home.database, home.path(place));
    const before = dump(home.path(place));
    const { backup } = await take(home, named);
    assert.deepEqual(column(home.database, 'SELECT count(*) FROM turns'), [60]);
    assert.ok(backup !== null);
    assert.deepEqual(dump(backup), before);
    assert.equal(existsSync(home.path(place)), place.startsWith('broca'), place);
  }
});

test('an empty one of the original’s is no hindrance, two with messages are', async () => {
  using home = new PythonHome();
  change(home.database, `VACUUM INTO '${home.path('sanctum.db')}'`);
  const { reason, isLasting } = await refuse(home);
  assert.match(reason, /animus\.db and .*sanctum\.db both hold messages/);
  assert.ok(isLasting);
  change(home.database, 'DELETE FROM queue; DELETE FROM messages; DELETE FROM platform_profiles; DELETE FROM letta_users');
  assert.equal((await take(home)).messages, 60);
  assert.ok(names(home).some((name) => name.startsWith('animus.db.python-empty-')));
});

test('nothing stray beside it is taken for a part of the new database', async () => {
  using home = new PythonHome();
  renameSync(home.database, home.path('sanctum.db'));
  writeFileSync(`${home.database}-wal`, 'of a database that is gone');
  await take(home);
  assert.equal(existsSync(`${home.database}-wal`), false);
  assert.ok(names(home).some((name) => name.includes('.stray-')));
});

test('a damaged one is refused with words that help, wherever the damage is, and left as it is', async () => {
  using home = new PythonHome();
  const sound = readFileSync(home.database);
  const pages = sound.length / PAGE;
  const spoilt = Array.from({ length: pages }, (_, page) => Buffer.from(sound).fill('A', page * PAGE, (page + 1) * PAGE));
  for (const [page, bytes] of [...spoilt, sound.subarray(0, (pages / 2) * PAGE)].entries()) {
    writeFileSync(home.database, bytes);
    const { reason, isLasting } = await refuse(home);
    assert.match(
      reason,
      /animus\.db is damaged \(.+\) and left as it is: put a backup in its place, .* then try again$/,
      `page ${page + 1}`,
    );
    assert.ok(isLasting);
    assert.deepEqual(readFileSync(home.database), bytes);
    assert.deepEqual(names(home), ['animus.db']);
  }
});

test('other databases are not mistaken for it, and not touched', async () => {
  using home = new PythonHome();
  change(home.database, 'DROP TABLE queue');
  const bytes = readFileSync(home.database);
  assert.deepEqual(await takeOver({ folder: home.folder, now: NOW, named: null }), { ok: true, value: null });
  const opened = openStore(home.database);
  assert.ok(!opened.ok && opened.error.kind === 'foreign');
  assert.deepEqual(readFileSync(home.database), bytes);
  change(home.database, 'CREATE TABLE queue (id INTEGER, message_id INTEGER, status TEXT)');
  const fault = await refuse(home);
  assert.match(fault.reason, /lacks queue\.letta_user_id, queue\.attempts, queue\.timestamp/);
  assert.ok(fault.isLasting);
});

test('rows that point to nothing, odd values and several queue rows: nothing is lost, nothing asked that may have been', async () => {
  using home = new PythonHome();
  change(
    home.database,
    `PRAGMA foreign_keys = OFF;
     INSERT INTO letta_users (id, letta_identity_id, letta_block_id, custom_instructions, is_active) VALUES (77, '', ' ', 'be kind', 0);
     INSERT INTO platform_profiles (id, letta_user_id, platform, platform_user_id) VALUES (80, 999, 'telegram', '5'), (81, NULL, NULL, NULL);
     INSERT INTO messages (id, letta_user_id, platform_profile_id, role, message, timestamp, processed, agent_response) VALUES
       (101, 77, 500, 'user', 'from nobody', 'yesterday', 0, NULL), (102, 999, 80, 'user', 'twice', NULL, 0, NULL),
       (103, 999, 80, 'assistant', 'said by the agent', '2026-07-10 11:08 UTC', 1, NULL), (104, 999, 80, 'user', NULL, '', 1, ''),
       (105, 999, 80, 'user', 'answered, then queued again', '2026-07-10 11:08 UTC', 1, 'yes');
     INSERT INTO queue (message_id, status, attempts) VALUES (101, 'pending', 0), (102, 'pending', 1), (102, 'PROCESSING', 1), (104, NULL, NULL), (105, 'pending', 2), (5000, 'pending', 0);
     CREATE TABLE notes_of_a_plugin (x)`,
  );
  const taken = await take(home);
  assert.equal(taken.messages, 65);
  assert.equal(taken.users, 13);
  assert.deepEqual(column(home.database, 'SELECT state FROM turns WHERE id > 100 ORDER BY id'), [
    'parked',
    'parked',
    'settled',
    'parked',
    'settled',
  ]);
  assert.deepEqual(column(home.database, 'SELECT state FROM parts WHERE turn_id > 100 ORDER BY turn_id'), ['sent', 'uncertain']);
  assert.deepEqual(column(home.database, 'SELECT is_active FROM users WHERE id = 77 AND identity_id IS NULL AND block_id IS NULL'), [0]);
  assert.deepEqual(taken.notes, [
    '2 times could not be read; others nearby stand in for them',
    '1 letta_users.custom_instructions have no place here; they are in the backup',
    '1 queue rows have no message and are only in the backup',
    'the tables notes_of_a_plugin are only in the backup',
  ]);
});

test('property: each message has one turn, only what waited with a sender is asked, one of a conversation at a time', async () => {
  const row = fc.record({
    profile: fc.integer({ min: 1, max: 12 }),
    status: fc.constantFrom(null, 'pending', 'processing', 'completed', 'failed', 'flushed', 'Pending', 'odd'),
    processed: fc.constantFrom(0, 1, null),
    response: fc.option(fc.string({ maxLength: 8 }), { nil: null }),
    text: fc.string({ unit: 'grapheme', maxLength: 12 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 25 }), async (rows) => {
      using home = new PythonHome();
      read(home.database, (db) => {
        db.exec('PRAGMA foreign_keys = OFF; DELETE FROM queue; DELETE FROM messages');
        const message = db.prepare(
          'INSERT INTO messages (id, platform_profile_id, role, message, processed, agent_response) VALUES (?, ?, ?, ?, ?, ?)',
        );
        const queue = db.prepare('INSERT INTO queue (message_id, status) VALUES (?, ?)');
        for (const [index, { profile, status, processed, response, text }] of rows.entries()) {
          message.run(index + 1, profile, 'user', text.replaceAll('\0', ''), processed, response?.replaceAll('\0', '') ?? null);
          if (status !== null) queue.run(index + 1, status);
        }
      });
      assert.equal((await take(home)).messages, rows.length);
      const open = column(home.database, "SELECT id FROM turns WHERE state IN ('waiting', 'queued')");
      const wanted = rows.flatMap(({ status, response, profile }, index) =>
        status?.toLowerCase() === 'pending' && (response ?? '').replaceAll('\0', '') === '' && profile <= 10 ? [index + 1] : [],
      );
      assert.deepEqual(open, wanted);
      assert.deepEqual(
        column(home.database, "SELECT max(n) FROM (SELECT count(*) AS n FROM turns WHERE state = 'waiting' GROUP BY conversation_id)"),
        [wanted.length > 0 ? 1 : null],
      );
    }),
    { numRuns: 25 },
  );
});

test('a Broca under the permission model, as a supervisor starts it, takes over as well', () => {
  using home = new PythonHome();
  const guard = ['--permission', '--allow-fs-read=*', '--allow-fs-write=*', '--allow-addons'];
  const fixture = join(import.meta.dirname, 'take-over.fixture.ts');
  const ran = spawnSync(process.execPath, [...guard, '--conditions=animus-source', fixture, home.folder], { encoding: 'utf8' });
  assert.equal(ran.status, 0, ran.stderr);
  const taken: { ok: boolean; value?: { messages: number } } = JSON.parse(ran.stdout);
  assert.deepEqual([taken.ok, taken.value?.messages], [true, 60], ran.stdout);
});
