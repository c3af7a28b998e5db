/** Messages that nobody asked for, through the real command line and a real Broca, running or not. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { AgentFolder, BrocaProcess } from 'animus-testkit';

const MAIN = join(import.meta.dirname, '../../packages/broca-core/src/main.ts');
const SEND = ['outbound', 'send', '--channel', 'spool'];

type Ran = { code: unknown; out: string; err: string };

function open(t: TestContext, settings: Record<string, unknown> = { outbound: { enabled: true }, message_mode: 'echo' }): AgentFolder {
  const agent = new AgentFolder({ endpoint: 'http://127.0.0.1:1', apiKey: 'key', settings });
  mkdirSync(agent.path('outbox'), { mode: 0o700 });
  t.after(() => agent[Symbol.dispose]());
  return agent;
}

async function run(agent: AgentFolder, args: readonly string[]): Promise<Ran> {
  const child = spawn(process.execPath, [MAIN, ...args, '--folder', agent.folder], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, ANIMUS_TEST_RUN: process.env.ANIMUS_TEST_RUN },
  });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code, out, err };
}

type Told = { inReplyTo: string | null; chat: string; text: string };

function outbox(agent: AgentFolder): Told[] {
  return readdirSync(agent.path('outbox'))
    .filter((name) => !name.startsWith('.'))
    .sort((one, other) => Number.parseInt(one, 10) - Number.parseInt(other, 10))
    .map((name) => JSON.parse(readFileSync(agent.path('outbox', name), 'utf8')));
}

async function arrived(agent: AgentFolder, count: number): Promise<Told[]> {
  const watcher = watch(agent.path('outbox'));
  try {
    while (outbox(agent).length < count) await once(watcher, 'change', { signal: AbortSignal.timeout(20_000) });
    return outbox(agent);
  } finally {
    watcher.close();
  }
}

test('off by default, and the refusal says how to switch it on', async (t) => {
  const agent = open(t, {});
  const { code, err } = await run(agent, [...SEND, '--chat', 'c', '--text', 'hi']);
  assert.deepEqual([code, err], [1, 'broca: sending what nobody asked for is switched off: broca settings set outbound.enabled true\n']);
});

test('with a running Broca it is handed over at once, in order with replies; the same key sends nothing again', async (t) => {
  const agent = open(t);
  await using broca = await BrocaProcess.start(agent.folder);
  writeFileSync(
    agent.path('inbox', 'm.json'),
    JSON.stringify({ id: '1', chat: 'c', sender: { id: 'ann', username: 'ann' }, text: 'hello' }),
  );
  await arrived(agent, 1);
  const first = await run(agent, [...SEND, '--user', '@ann', '--text', 'news', '--idempotency-key', 'k', '--wait', '--json']);
  assert.equal(first.code, 0, first.err);
  const { turnId, isOver, chat } = JSON.parse(first.out);
  assert.deepEqual([turnId, isOver, chat], [2, true, 'c']);
  const again = await run(agent, [...SEND, '--user', '@ann', '--text', 'news', '--idempotency-key', 'k']);
  assert.match(again.out, /^Turn 2 to spool\/c: 1 part, handed over\. It was stored before, and not again\.\n$/);
  assert.deepEqual(
    outbox(agent).map(({ inReplyTo, text: said }) => [inReplyTo, said]),
    [
      ['1', '[Username: @ann, Spool ID: ann] hello'],
      [null, 'news'],
    ],
  );
  const { queue } = await broca.beat(() => true);
  assert.equal(queue.waiting, 0);
});

test('without a running Broca it is stored, and handed over at the next start, once, whatever is killed', async (t) => {
  const agent = open(t);
  const early = await run(agent, [...SEND, '--chat', 'c', '--text', 'news']);
  assert.match(early.err, /has no channel spool .*never started/);
  const first = await BrocaProcess.start(agent.folder);
  // The commands of a Broca answer once it remembers its channels.
  await first.ask('outbound.send', { channel: 'spool', chat: 'c', text: 'before' });
  await arrived(agent, 1);
  await first.kill('SIGKILL');
  const stored = await run(agent, [...SEND, '--chat', 'c', '--text', 'news', '--idempotency-key', 'k']);
  assert.match(stored.out, /^Turn 2 to spool\/c: 1 part, not handed over yet\.\n$/);
  const repeated = await run(agent, [...SEND, '--chat', 'c', '--text', 'news', '--idempotency-key', 'k', '--wait', '--timeout', '1']);
  assert.deepEqual([repeated.code, repeated.err], [1, 'broca: not handed over yet; it goes on by itself: broca queue show 2\n']);
  await using second = await BrocaProcess.start(agent.folder);
  await arrived(agent, 2);
  assert.deepEqual(
    outbox(agent).map(({ text: said }) => said),
    ['before', 'news'],
  );
  await second.beat(({ queue }) => queue.outbox === 0);
  assert.equal(outbox(agent).length, 2);
});

test('a dry run says where it would go, and a wrong command line what is missing', async (t) => {
  const agent = open(t);
  await using broca = await BrocaProcess.start(agent.folder);
  await broca.ask('outbound.send', { channel: 'spool', chat: 'c', text: 'x', dryRun: true });
  const dry = await run(agent, [...SEND, '--chat', 'new', '--text', 'news', '--dry-run']);
  assert.deepEqual([dry.code, dry.out], [0, 'Would go to spool/new (where nobody spoke yet) in 1 part:\nnews\n']);
  assert.deepEqual(outbox(agent), []);
  assert.equal((await run(agent, [...SEND, '--text', 'x'])).code, 2);
  assert.match((await run(agent, [...SEND, '--text', 'x'])).err, /--user or --chat/);
  assert.equal((await run(agent, [...SEND, '--text', 'x', '--chat', 'a', '--user', '1'])).code, 2);
});
