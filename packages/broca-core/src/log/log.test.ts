import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createLog, type Log, type LogOptions } from './log.ts';

const NOON = Date.UTC(2026, 10, 23, 12);

function makeLog(
  t: TestContext,
  options: Partial<LogOptions> = {},
): { log: Log; logs: string; read: (name?: string) => Record<string, unknown>[]; clock: { now: number } } {
  const folder = options.folder ?? fs.mkdtempSync(path.join(os.tmpdir(), 'broca-log-'));
  const logs = path.join(folder, 'logs');
  const clock = { now: NOON };
  const log = createLog({ folder, level: 'info', secrets: [], keep: { days: 7, bytes: 1e9 }, now: () => clock.now, ...options });
  t.after(() => {
    log.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });
  const read = (name = 'broca.log'): Record<string, unknown>[] =>
    fs
      .readFileSync(path.join(logs, name), 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  return { log, logs, read, clock };
}

test('a line says level, time, event and fields, and is there at once', (t) => {
  const { log, logs, read } = makeLog(t);
  log.info('turn.settled', { turn: 7, outcome: 'answered' });
  assert.deepEqual(read(), [{ level: 'info', time: '2026-11-23T12:00:00.000Z', event: 'turn.settled', turn: 7, outcome: 'answered' }]);
  assert.equal(fs.statSync(path.join(logs, 'broca.log')).mode & 0o777, 0o600);
  assert.equal(fs.statSync(logs).mode & 0o777, 0o700);
});

test('lines read the same before and after pino is loaded', async (t) => {
  const { log, logs } = makeLog(t, { secrets: ['sk-let-123456'] });
  const fields = {
    text: 'a "b"\n\u0000é😀',
    list: [1, null, { x: true }],
    gone: undefined,
    error: new TypeError('bad sk-let-123456', { cause: { code: 5 } }),
  };
  log.forPlugin('spool').error('x', fields);
  await log.load();
  log.forPlugin('spool').error('x', fields);
  const [plain, pino] = fs.readFileSync(path.join(logs, 'broca.log'), 'utf8').split('\n');
  assert.equal(pino, plain);
  assert.match(plain ?? '', /"message":"bad \[redacted\]"/);
});

for (const loaded of [false, true]) {
  const how = loaded ? 'with pino' : 'before pino';
  test(`the level counts and can be changed, for plugins too, ${how}`, async (t) => {
    const { log, read } = makeLog(t);
    if (loaded) await log.load();
    const plugin = log.forPlugin('a');
    log.debug('no');
    log.setLevel('debug');
    log.debug('yes');
    log.trace('no');
    log.setLevel('error');
    plugin.info('no');
    plugin.error('yes');
    assert.deepEqual(
      read().map(({ event }) => event),
      ['yes', 'yes'],
    );
  });

  test(`errors are written out with what caused them, and nothing handed over stops anybody, ${how}`, async (t) => {
    const { log, read } = makeLog(t);
    if (loaded) await log.load();
    const circular: Record<string, unknown> = { big: 10n };
    circular.self = circular;
    log.error('a', { error: new Error('outer', { cause: new Error('inner') }) });
    log.error('b', { circular });
    log.error('c', {
      get bad(): string {
        throw new Error('no');
      },
    });
    log.error('d', { bad: { toJSON: () => assert.fail('no') } });
    const [a, b, c, d] = read();
    assert.match(JSON.stringify(a?.error), /outer.*inner/);
    assert.deepEqual([b?.event, c?.event, d?.event], ['b', 'c', 'd']);
  });
}

test("a plugin's lines carry its name, and no field hides another", (t) => {
  const { log, read } = makeLog(t);
  log.forPlugin('spool').warn('spool.rejected', { level: 3, event: 'x', plugin: 'y', file: 'z' });
  assert.deepEqual(read()[0], {
    level: 'warn',
    time: '2026-11-23T12:00:00.000Z',
    event: 'spool.rejected',
    plugin: 'spool',
    level_: 3,
    event_: 'x',
    plugin_: 'y',
    file: 'z',
  });
});

test('no secret reaches the file: in messages, nested, in stacks, escaped', (t) => {
  const secret = 'sk-let-"12\\34';
  const { log, logs } = makeLog(t, { secrets: [secret] });
  log.error('x', {
    error: new Error(`refused ${secret}`),
    deep: [{ header: `Bearer ${secret}` }],
    url: `https://x/?k=${encodeURIComponent(secret)}`,
    body: JSON.stringify({ secret }),
  });
  const next = 'another-secret';
  log.addSecrets([next]);
  log.info('y', { next, former: secret, kept: 1234567 });
  const text = fs.readFileSync(path.join(logs, 'broca.log'), 'utf8');
  for (const part of ['12', '34"', 'another'])
    assert(!text.replaceAll(/"time":"[^"]*"|1234567|at .*?\\n|\.ts:\d+:\d+/g, '').includes(part), part);
  assert.match(text, /"kept":1234567/);
  for (const line of text.split('\n').slice(0, -1)) JSON.parse(line);
});

test('a full file and a new day are put aside, and none of their lines is lost', (t) => {
  const { log, logs, read, clock } = makeLog(t, { largest: 300 });
  for (let number = 0; number < 10; number += 1) log.info('line', { number });
  clock.now += 24 * 3_600_000;
  log.info('line', { number: 10 });
  const names = fs.readdirSync(logs).sort();
  assert(names.length > 3, names.join());
  assert.deepEqual(
    names.flatMap((name) => read(name)).map(({ number }) => number),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  );
  assert.equal(read().length, 1);
  for (const name of names) assert.equal(fs.statSync(path.join(logs, name)).mode & 0o777, 0o600);
});

test('a file of yesterday is put aside at the start', (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'broca-log-'));
  fs.mkdirSync(path.join(folder, 'logs'));
  const file = path.join(folder, 'logs', 'broca.log');
  fs.writeFileSync(file, '{"number":0}\n');
  fs.utimesSync(file, NOON / 1000 - 86_400, NOON / 1000 - 86_400);
  const { log, logs, read } = makeLog(t, { folder });
  log.info('line');
  assert.equal(read().length, 1);
  assert.equal(fs.readdirSync(logs).length, 2);
});

test('old files go, others stay', (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'broca-log-'));
  const logs = path.join(folder, 'logs');
  fs.mkdirSync(logs);
  for (const name of ['broca-20261101T000000000Z.log', 'broca-20261120T000000000Z.log', 'output.log', 'mine.log'])
    fs.writeFileSync(path.join(logs, name), 'x');
  const { log, clock } = makeLog(t, { folder });
  log.info('line');
  assert.deepEqual(fs.readdirSync(logs).sort(), ['broca-20261120T000000000Z.log', 'broca.log', 'mine.log', 'output.log']);
  log.setKeep({ days: 1, bytes: 1e9 });
  log.info('line');
  clock.now += 24 * 3_600_000;
  log.info('line');
  assert.deepEqual(fs.readdirSync(logs).sort(), ['broca-20261124T120000000Z.log', 'broca.log', 'mine.log', 'output.log']);
});

test('rotated files take no more room than they may', (t) => {
  const { log, logs, clock } = makeLog(t, { largest: 1_000, keep: { days: 7, bytes: 3_000 } });
  for (let line = 0; line < 100; line += 1) {
    clock.now += 1;
    log.info('line', { text: 'x'.repeat(400) });
  }
  const sizes = fs.readdirSync(logs).map((name) => fs.statSync(path.join(logs, name)).size);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  assert.ok(total > 2_000 && total <= 4_000, `${total} bytes in ${sizes.length} files`);
});

test('a file that somebody removed is begun again', (t) => {
  const { log, logs, read, clock } = makeLog(t);
  log.info('one');
  fs.rmSync(path.join(logs, 'broca.log'));
  clock.now += 61_000;
  log.info('two');
  assert.deepEqual(
    read().map(({ event }) => event),
    ['two'],
  );
});

test('a full disk is told and stops nobody', (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'broca-log-'));
  fs.mkdirSync(path.join(folder, 'logs'));
  const file = path.join(folder, 'logs', 'broca.log');
  fs.symlinkSync('/dev/full', file);
  const { log, read, clock } = makeLog(t, { folder });
  for (let number = 0; number < 100; number += 1) log.fatal('line', { number, text: 'x'.repeat(20_000) });
  assert.match(log.fault() ?? '', /broca\.log cannot be written \(ENOSPC\); \d+ lines lost/);
  fs.rmSync(file);
  clock.now += 61_000;
  log.info('again');
  assert.equal(log.fault(), null);
  const events = read();
  assert.deepEqual(
    events.slice(-2).map(({ event }) => event),
    ['again', 'log.lost'],
  );
  // What was held is written now; with what was lost it is all.
  const kept = events.filter(({ event }) => event === 'line');
  assert(kept.length > 10, String(kept.length));
  assert.equal(kept.length + Number(events.at(-1)?.lines), 100);
});

test('a folder that cannot be made is told and stops nobody', (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'broca-log-'));
  fs.writeFileSync(path.join(folder, 'logs'), 'in the way');
  const { log, clock, read } = makeLog(t, { folder });
  log.info('held');
  assert.match(log.fault() ?? '', /cannot be written \((EEXIST|ENOTDIR)\)$/);
  fs.rmSync(path.join(folder, 'logs'));
  clock.now += 61_000;
  log.info('back');
  assert.equal(log.fault(), null);
  assert.deepEqual(
    read().map(({ event }) => event),
    ['held', 'back'],
  );
});

test('the last line before a kill is there, and the log keeps no process awake', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'broca-log-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const program = fileURLToPath(new URL('./log-writer.fixture.ts', import.meta.url));
  const killed = spawn(process.execPath, [program, folder, 'kill'], { stdio: 'ignore' });
  assert.deepEqual(await once(killed, 'exit'), [null, 'SIGKILL']);
  const ended = spawn(process.execPath, [program, folder, 'end'], { stdio: 'ignore' });
  assert.deepEqual(await once(ended, 'exit'), [0, null]);
  const lines = fs.readFileSync(path.join(folder, 'logs', 'broca.log'), 'utf8').split('\n');
  assert.equal(lines.length, 2001);
  assert.match(lines[999] ?? '', /"number":999/);
});
