import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, watch, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { type BrocaFrame, encodeFrame, FrameDecoder, parseClientFrame } from 'animus-protocol';
import { takeLock } from '../store/lock.ts';
import { reachBroca, socketOf } from './ask.ts';
import { connectToBroca } from './client.ts';

const MAIN = join(import.meta.dirname, '..', 'main.ts');
const root = mkdtempSync(join(tmpdir(), 'broca-cli-'));
after(() => rmSync(root, { recursive: true }));
let folders = 0;

function agentFolder(): string {
  folders += 1;
  const folder = join(root, String(folders));
  mkdirSync(folder);
  writeFileSync(
    join(folder, '.env'),
    'AGENT_ID=agent-1\nAGENT_ENDPOINT=http://127.0.0.1:9\nAGENT_API_KEY=sk-0123456789abcdef0123\nMESSAGE_MODE=echo\n',
  );
  chmodSync(join(folder, '.env'), 0o600);
  return folder;
}

type Ran = { code: number | null; out: string; err: string };

async function broca(folder: string, args: readonly string[], input = '', environment: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, env: { ...process.env, TZ: 'Asia/Tokyo', ...environment } });
  child.stdin.end(input);
  return await ended(child);
}

async function ended(child: ChildProcess): Promise<Ran> {
  const ran: Ran = { code: null, out: '', err: '' };
  child.stdout?.on('data', (chunk: Buffer) => (ran.out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (ran.err += chunk.toString()));
  [ran.code] = await once(child, 'close');
  return ran;
}

/** A Broca that runs in the folder, listening. */
async function startBroca(t: TestContext, folder: string): Promise<ChildProcess> {
  mkdirSync(join(folder, 'run'), { recursive: true });
  const watcher = watch(join(folder, 'run'));
  const child = spawn(process.execPath, [MAIN, 'run', '--folder', folder], { stdio: ['ignore', 'ignore', 'inherit'] });
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  while (!existsSync(join(folder, 'run', 'broca.sock'))) await once(watcher, 'change');
  watcher.close();
  return child;
}

test('the same commands work with a Broca running and without', { timeout: 60_000 }, async (t) => {
  const folder = agentFolder();
  const running = await startBroca(t, folder);
  assert.deepEqual(await broca(folder, ['send', 'hello', 'there']), { code: 0, out: `${echo('hello there')}\n`, err: '' });
  assert.equal((await broca(folder, ['send', '--', '-5 Grad'], 'piped')).out, `${echo('-5 Grad')}\n`);
  assert.equal((await broca(folder, ['send', '-5 degrees', '-x', '--json'], 'piped')).out.includes(echo('-5 degrees -x')), true);
  assert.equal(JSON.parse((await broca(folder, ['users', 'get', userInfo().username, '--json'])).out).id, 1);
  const added = await broca(folder, ['ignore', 'add', '@Spam', '--json']);
  assert.deepEqual(JSON.parse(added.out), { channel: '*', sender: '@spam', changed: true });
  const live = await broca(folder, ['queue', 'list', '--state', 'all', '--json']);
  const chat = await broca(folder, ['chat'], 'one\n\ntwo\n');
  assert.deepEqual(chat, { code: 0, out: `${echo('one')}\n${echo('two')}\n`, err: '' });
  assert.deepEqual(await broca(folder, ['send', '--no-wait'], 'from a pipe\n'), { code: 0, out: '', err: '' });
  running.kill('SIGTERM');
  await once(running, 'exit');

  const offline = await broca(folder, ['queue', 'list', '--state', 'all', '--json', '--limit', '1']);
  assert.deepEqual([live.code, offline.code], [0, 0]);
  const [first] = JSON.parse(live.out);
  assert.deepEqual([first.channel, first.text, first.outcome], ['console', 'hello there', 'echoed']);
  assert.equal(JSON.parse(offline.out)[0].text, 'from a pipe');
  assert.equal(JSON.parse((await broca(folder, ['ignore', 'list', '--json'])).out)[0].sender, '@spam');
  const sent = await broca(folder, ['send', 'hello']);
  assert.equal(sent.code, 1);
  assert.match(sent.err, /no Broca runs .*animus start/);
});

function echo(text: string): string {
  const user = userInfo().username;
  return `[Username: @${user}, Console ID: ${user}] ${text}`;
}

test('exit codes and messages tell what to do', { timeout: 60_000 }, async () => {
  const folder = agentFolder();
  const cases: [string[], number, RegExp][] = [
    [['queue', 'lst'], 2, /Did you mean list/],
    [['queue'], 2, /say what to do with queue/],
    [['queue', 'show', 'seven'], 2, /whole number/],
    [['queue', 'show', '7'], 1, /no turn 7.*queue list/],
    [['queue', 'settle', '7'], 1, /no turn 7.*queue list/],
    [['queue', 'list', '--colour'], 2, /Unknown argument: colour/],
    [['settings', 'set', 'message_mode', 'loud'], 1, /echo/],
    [
      ['settings', 'set', 'message_mode'],
      2,
      /settings set <key> <value>, as in: broca settings set message_mode live\nSee broca settings --help/,
    ],
    [['users', 'get', '@'], 2, /is nobody: write the number of a user/],
    [['users', 'get', 'nobody'], 1, /nobody is called nobody/],
    [['outbound', 'send', '--user', 'ada', '--channel', 'console', '--text', 'x'], 2, /@username/],
    [['users', 'list', '--folder', root], 1, /no agent's folder.*--folder/],
    [['users', 'list', '--folder', join(root, 'nowhere')], 1, /there is no folder/],
    [['users', 'list', '--folder', folder, '--folder', root], 2, /--folder was given more than once/],
  ];
  const ran = await Promise.all(cases.map(async ([args]) => await broca(folder, args)));
  for (const [index, [args, code, err]] of cases.entries()) {
    assert.equal(ran[index]?.code, code, args.join(' '));
    assert.match(ran[index]?.err ?? '', err);
    assert.equal(ran[index]?.out, '');
  }
  assert.ok(!existsSync(join(root, 'animus.db')) && !existsSync(join(root, 'run')), 'a folder that is no agent’s stays as it was');
});

test('configuration that cannot be used is exit 78, and the other settings commands still work', { timeout: 60_000 }, async () => {
  const folder = agentFolder();
  writeFileSync(join(folder, 'settings.json'), '{"message_processing": {"mode": "loud"}}', { mode: 0o600 });
  const bad = await broca(folder, ['settings', 'validate']);
  assert.equal(bad.code, 78);
  assert.match(bad.out, /cannot be used.*\n.*message_processing\.mode.*loud/);
  for (const args of [['show'], ['get', 'debug_mode']]) assert.equal((await broca(folder, ['settings', ...args])).code, 78, args[0]);
  const set = await broca(folder, ['settings', 'set', 'logs.level', 'debug']);
  assert.equal(set.code, 78);
  assert.match(set.out, /logs\.level is written as "debug", but the configuration still cannot be used:\n.*message_processing\.mode.*loud/);
  assert.equal((await broca(folder, ['settings', 'set', 'message_mode', 'echo'])).code, 0);
  assert.equal((await broca(folder, ['settings', 'validate'])).code, 0);
  assert.deepEqual(readdirSync(folder).sort(), ['.env', 'settings.json'], 'no database is made for it');
});

test('times are shown in the zone of the machine, and stored in UTC', { timeout: 30_000 }, async () => {
  const folder = agentFolder();
  await broca(folder, ['ignore', 'add', '7']);
  const [{ createdAt }] = JSON.parse((await broca(folder, ['ignore', 'list', '--json'])).out);
  assert.match(createdAt, /Z$/);
  const inTokyo = new Date(Date.parse(createdAt) + 9 * 3_600_000).toISOString().slice(0, 19).replace('T', ' ');
  assert.ok((await broca(folder, ['ignore', 'list'])).out.includes(inTokyo));
});

test('help has examples for every group', { timeout: 30_000 }, async () => {
  const [all, send] = await Promise.all([broca('/', ['--help']), broca('/', ['send', '--help'])]);
  for (const word of ['run', 'queue', 'users', 'conversations', 'settings', 'ignore', 'send', 'chat'])
    assert.match(all.out, new RegExp(`broca ${word}`));
  assert.match(send.out, /Examples:\n.*broca send "How are you\?"/);
  assert.equal(send.code, 0);
});

/** What a client asked a Broca that only listens. `act` is called for each request. */
async function standInBroca(t: TestContext, folder: string, act: (request: Asked) => void): Promise<void> {
  mkdirSync(join(folder, 'run'));
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    const decoder = new FrameDecoder();
    const say = (frame: BrocaFrame) => void socket.write(encodeFrame(frame));
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      const frames = decoder.push(chunk);
      assert.ok(frames.ok);
      for (const value of frames.value) {
        const frame = parseClientFrame(value);
        assert.ok(frame.ok);
        if (frame.value.type === 'hello') {
          say({ type: 'hello', protocol: 1, pid: 1, agentId: 'agent-1', version: '0', release: null, startedAt: 0, nonce: null });
        }
        if (frame.value.type === 'request') {
          const { id, args } = frame.value;
          act({ args, die: () => void socket.destroy(), answer: (reply) => say({ type: 'response', id, ok: true, value: reply }) });
        }
      }
    });
  });
  server.listen(join(folder, 'run', 'broca.sock'));
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
}

type Asked = { args: Record<string, unknown>; die(): void; answer(reply: unknown): void };

const WAITING = { turnId: 3, isOver: false, state: 'waiting', outcome: null, reason: null, parts: [] };

test('through a Broca that dies, the same message is asked again until it is answered', { timeout: 30_000 }, async (t) => {
  const folder = agentFolder();
  const asked: unknown[] = [];
  await standInBroca(t, folder, ({ args, die, answer }) => {
    asked.push(args['externalId']);
    if (asked.length <= 1) return die();
    if (args['wait'] === false) return answer(WAITING);
    // One that stops in good order lets go of who waits; the one after it has the answer.
    if (asked.length <= 3) return answer(WAITING);
    answer({
      ...WAITING,
      isOver: true,
      state: 'settled',
      outcome: 'answered',
      parts: ['one', 'two'].map((text, at) => ({ number: at + 1, count: 2, text, state: 'sent' })),
    });
  });
  const sent = await broca(folder, ['send', 'hello']);
  assert.deepEqual(sent, {
    code: 0,
    out: 'one\n\ntwo\n',
    err: 'broca: Broca ended while it worked on this; waiting for it to come back\n',
  });
  assert.equal(new Set(asked).size, 1, 'it is one message to Broca');
});

test('a reply that does not come in time names the turn', { timeout: 30_000 }, async (t) => {
  const folder = agentFolder();
  await standInBroca(t, folder, ({ args, answer }) => {
    if (args['wait'] === false) answer(WAITING);
  });
  const [plain, json] = await Promise.all([
    broca(folder, ['send', '--timeout', '1', 'hello'], '', { ANIMUS_CALLED_FOR: 'ada' }),
    broca(folder, ['send', '--timeout', '1', '--json', 'hello']),
  ]);
  assert.deepEqual([plain.code, plain.out, json.code], [1, '', 1]);
  assert.match(plain.err, /no reply yet.*turn 3 .*: animus queue ada show 3\n/);
  assert.match(json.err, /: broca queue show 3\n/);
  assert.deepEqual(JSON.parse(json.out), WAITING);
});

test('a Broca that hangs is waited for as long as --timeout says, from the first connect on', { timeout: 30_000 }, async (t) => {
  const folder = agentFolder();
  mkdirSync(join(folder, 'run'));
  const knocks: Socket[] = [];
  /** How long each was waited on, in ms; how long the program takes to start does not count. */
  const waits: Promise<number>[] = [];
  const server = createServer((socket) => {
    const begun = performance.now();
    knocks.push(socket.on('error', () => undefined));
    waits.push(once(socket.resume(), 'close').then(() => performance.now() - begun));
  });
  server.listen(join(folder, 'run', 'broca.sock'));
  await once(server, 'listening');
  t.after(() => {
    for (const socket of knocks) socket.destroy();
    server.close();
  });
  const sent = await broca(folder, ['send', '--timeout', '0.2', 'hello']);
  assert.equal(sent.code, 1);
  assert.match(sent.err, /does not answer: it hangs/);
  // One greeting alone would be waited for 5 s.
  assert.equal(waits.length, 1);
  assert.ok(((await waits[0]) ?? Number.POSITIVE_INFINITY) < 4_500);
});

test('a turn that was set aside is exit 1, with what its sender is told on standard output', { timeout: 30_000 }, async (t) => {
  const folder = agentFolder();
  const parts = [{ number: 1, count: 1, text: 'Sorry.', state: 'sent' }];
  await standInBroca(t, folder, ({ answer }) =>
    answer({ ...WAITING, isOver: true, state: 'parked', reason: 'Letta failed 4 times', parts }),
  );
  const sent = await broca(folder, ['send', 'hello']);
  assert.deepEqual([sent.code, sent.out], [1, 'Sorry.\n']);
  assert.match(sent.err, /Letta failed 4 times.*queue retry 3/);
});

test('a lock held by one that starts is waited for', async () => {
  const folder = agentFolder();
  mkdirSync(join(folder, 'run'));
  const lock = takeLock(join(folder, 'run', 'lock'), 0);
  assert.ok(lock);
  const reaching = reachBroca(folder);
  // Knocked after it: once this is answered, the other has found the lock held.
  assert.equal((await connectToBroca(socketOf(folder))).ok, false);
  lock.release();
  const reached = await reaching;
  assert.ok(reached.ok && reached.value.kind === 'none');
  reached.value.lock.release();
});
