/** The shim and what starts it, with real processes. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { AgentId } from 'animus-protocol';
import type { Exit } from './death.ts';
import { groupLives, identify, isAlive } from './proc.ts';
import { exitOfCode, type SpawnedShim, signal, spawnBroca } from './process.ts';
import { readExitStatus, readRecord, recordFiles, writeRecord } from './record.ts';

const SHIM = path.join(import.meta.dirname, '../../shim/broca-shim.sh');
const AGENT: AgentId = 'agent-x';

class Folder implements Disposable {
  readonly path: string = mkdtempSync(path.join(os.tmpdir(), 'animus shim-'));
  readonly output: string;
  readonly files = recordFiles(this.path, AGENT);

  constructor(below = '') {
    this.output = path.join(this.path, below, 'output.log');
  }

  /** Runs JavaScript as a Broca would be run. */
  spawn(script: string, environment: Record<string, string> = {}): SpawnedShim {
    const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', ...environment };
    const spawned = spawnBroca({
      shim: SHIM,
      command: process.execPath,
      args: ['-e', script, "an 'odd' $argument"],
      folder: this.path,
      outputLog: this.output,
      statusFile: this.files.status,
      nonce: 'n0',
      cgroup: null,
      environment: env,
    });
    assert.ok(spawned.ok, JSON.stringify(spawned));
    return spawned.value;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

test('the exit is seen by us and written down for who was not there', async () => {
  using folder = new Folder();
  const rows: [script: string, exit: Exit][] = [
    ['process.exit(0)', { kind: 'exited', code: 0 }],
    ['process.exit(78)', { kind: 'exited', code: 78 }],
    ['process.abort()', { kind: 'signalled', signal: 'SIGABRT' }],
    ['process.kill(process.pid, "SIGKILL")', { kind: 'signalled', signal: 'SIGKILL' }],
  ];
  for (const [script, exit] of rows) {
    assert.deepEqual(await folder.spawn(script).exited, exit, script);
    assert.deepEqual(readExitStatus(folder.files, 'n0'), exit, script);
    assert.equal(readExitStatus(folder.files, 'another run'), null);
  }
});

test('arguments come as given, the environment is nothing but what was given, umask is 077', async () => {
  using folder = new Folder();
  const script = 'console.log(JSON.stringify([process.argv[1], Object.keys(process.env).sort(), process.umask()]))';
  await folder.spawn(script, { ANIMUS_WORKER_NONCE: 'n0' }).exited;
  const [argument, keys, umask] = JSON.parse(readFileSync(folder.output, 'utf8'));
  assert.equal(argument, "an 'odd' $argument");
  // The shell adds these by itself.
  assert.deepEqual(
    keys.filter((key: string) => !['PWD', '_', 'SHLVL', 'OLDPWD'].includes(key)),
    ['ANIMUS_WORKER_NONCE', 'PATH'],
  );
  assert.equal(umask, 0o077);
  assert.equal(statSync(folder.output).mode & 0o777, 0o600);
});

test('SIGTERM to the group reaches the program; the shim waits for its end and tells it', async () => {
  using folder = new Folder();
  const shim = folder.spawn(
    'process.on("SIGTERM", () => setTimeout(() => process.exit(7), 50)); setInterval(() => {}, 1e6); console.log("up")',
  );
  while (!readFileSync(folder.output, 'utf8').includes('up')) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(groupLives(shim.pid), true);
  assert.equal(signal(-shim.pid, 'SIGTERM'), true);
  assert.deepEqual(await shim.exited, { kind: 'exited', code: 7 });
  assert.equal(groupLives(shim.pid), false);
});

test('output is appended: a file cut short holds no NULs', async () => {
  using folder = new Folder();
  await folder.spawn('console.log("one")').exited;
  const again = folder.spawn('console.log("two")');
  assert.equal(again.outputFrom, 4);
  await again.exited;
  assert.equal(readFileSync(folder.output, 'utf8'), 'one\ntwo\n');
  const third = folder.spawn('setInterval(() => console.log("x"), 5)');
  while (!readFileSync(folder.output, 'utf8').includes('x')) await new Promise((resolve) => setImmediate(resolve));
  truncateSync(folder.output);
  while (!readFileSync(folder.output, 'utf8').includes('x')) await new Promise((resolve) => setImmediate(resolve));
  signal(-third.pid, 'SIGKILL');
  await third.exited;
  assert.equal(readFileSync(folder.output, 'utf8').includes('\0'), false);
});

test('a folder for its output that is gone is made again', async () => {
  using folder = new Folder('logs');
  await folder.spawn('console.log("one")').exited;
  assert.equal(readFileSync(folder.output, 'utf8'), 'one\n');
  assert.equal(statSync(path.dirname(folder.output)).mode & 0o777, 0o700);
});

test('a large output.log is set aside at the next start', async () => {
  using folder = new Folder();
  writeFileSync(folder.output, '');
  truncateSync(folder.output, 6 * 1024 * 1024);
  await folder.spawn('console.log("new")').exited;
  assert.equal(readFileSync(folder.output, 'utf8'), 'new\n');
  assert.equal(statSync(`${folder.output}.1`).size, 6 * 1024 * 1024);
});

test('a process is known by its start, not by its pid', async () => {
  using folder = new Folder();
  const shim = folder.spawn('setInterval(() => {}, 1e6)');
  const identity = identify(shim.pid);
  assert.equal(isAlive(identity), true);
  assert.equal(isAlive({ ...identity, startTicks: (identity.startTicks ?? 0) + 1 }), false);
  assert.equal(isAlive({ ...identity, bootId: 'another boot' }), false);
  signal(-shim.pid, 'SIGKILL');
  await shim.exited;
  assert.equal(isAlive(identity), false);
});

test('a code beyond 128 is a signal where there is one', () => {
  assert.deepEqual(exitOfCode(137), { kind: 'signalled', signal: 'SIGKILL' });
  assert.deepEqual(exitOfCode(255), { kind: 'exited', code: 255 });
});

test('a record comes back as written; a damaged one is none', () => {
  using folder = new Folder();
  const record = {
    wanted: 'stopped',
    restarts: 3,
    lastDeath: { kind: 'watchdog', how: 'was silent', at: 4 },
    deaths: { watchdog: 2, code: 1 },
    counted: [6, 7],
    run: {
      nonce: 'n',
      shim: { pid: 1, startTicks: null, bootId: null, pidNamespace: null },
      startedAt: 5,
      outputFrom: 0,
      launchedWith: 'x',
      folder: '1:2',
      isolation: 'bwrap',
      tree: 'namespace',
      cgroup: null,
    },
  } as const;
  writeRecord(folder.files, record);
  assert.deepEqual(readRecord(folder.files), record);
  assert.equal(statSync(folder.files.record).mode & 0o777, 0o600);
  // As an older supervisor wrote it: who runs must not be lost over what it did not know.
  const { shim, nonce, startedAt } = record.run;
  const { deaths: _, counted: _counted, ...older } = { ...record, lastDeath: 'exited with code 1', run: { shim, nonce, startedAt } };
  writeFileSync(folder.files.record, JSON.stringify(older));
  assert.deepEqual(readRecord(folder.files), {
    ...record,
    lastDeath: null,
    deaths: {},
    counted: [],
    run: { ...record.run, outputFrom: null, launchedWith: null, folder: null, isolation: 'none', tree: 'marker', cgroup: null },
  });
  writeFileSync(folder.files.record, '{"wanted":');
  assert.equal(readRecord(folder.files), null);
});
