/** A database that is damaged while nobody looks, and what a Broca, a command and a person see of it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { AgentFolder, BrocaProcess, startLettaSimulator } from 'animus-testkit';
import DatabaseConstructor from 'better-sqlite3';

const KEY = 'sk-very-secret-key-4711';
const AGENT = { id: 'agent-test', apiKey: KEY };
const MAIN = join(import.meta.dirname, '../../packages/broca-core/src/main.ts');
const PAGE = 4096;

type Reply = { outcome: string; parts: { text: string; state: string }[] };

async function say(broca: BrocaProcess, externalId: string): Promise<Reply> {
  return (await broca.ask('console.send', { externalId, text: externalId, chat: 'ann', sender: { id: 'ann' } })) as Reply;
}

/** Writes over the page where a table begins, as a bad sector would. */
function spoil(file: string, table: string): void {
  const db = new DatabaseConstructor(file, { readonly: true });
  const page = db.prepare<[string], number>('SELECT rootpage FROM sqlite_schema WHERE name = ?').pluck().get(table) ?? 0;
  db.close();
  assert.ok(page > 1);
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, Buffer.alloc(PAGE, 'A'), 0, PAGE, (page - 1) * PAGE);
  closeSync(descriptor);
}

function setAside(agent: AgentFolder): string[] {
  return readdirSync(agent.folder).filter((name) => name.includes('.damaged-'));
}

test('a page is damaged: Broca ends once over it, the next goes on with the rest, and health says so until the file is moved', async () => {
  await using letta = await startLettaSimulator({ agents: [AGENT] });
  using agent = new AgentFolder({ endpoint: letta.url, apiKey: KEY });
  const whole = await BrocaProcess.start(agent.folder);
  assert.equal((await say(whole, 'm1')).outcome, 'answered');
  await whole.kill('SIGTERM');
  spoil(agent.path('animus.db'), 'parts');

  const stumbling = await BrocaProcess.start(agent.folder).catch(() => null);
  if (stumbling !== null) await assert.rejects(say(stumbling, 'm2'));
  if (stumbling !== null) assert.equal((await stumbling.exited).code, 1, stumbling.stderr);
  assert.deepEqual(setAside(agent), []);

  const mended = await BrocaProcess.start(agent.folder);
  assert.equal((await say(mended, 'm1')).outcome, 'answered', 'it is known yet');
  assert.equal((await say(mended, 'm3')).outcome, 'answered');
  const asked = await say(mended, 'm2');
  assert.deepEqual([asked.outcome, asked.parts[0]?.state], ['answered', 'uncertain'], 'its reply may have been handed over');
  const [aside = ''] = setAside(agent);
  const isTold = ({ faults = [] }: { faults?: readonly string[] }): boolean => faults.some((fault) => fault.includes(aside));
  await mended.beat(isTold);
  await mended.kill('SIGTERM');
  assert.match(readFileSync(agent.path('logs', 'broca.log'), 'utf8'), new RegExp(`database-set-aside.*${aside}`));

  await using later = await BrocaProcess.start(agent.folder);
  await later.beat(isTold);
  renameSync(agent.path(aside), join(agent.home, aside));
  await later.beat((beat) => !isTold(beat));
  assert.deepEqual(
    letta.turns.map(({ text }) => text?.split(' ').at(-1)),
    ['m1', 'm2', 'm3'],
  );
});

test('a damaged schema, or none at all, is no reason to end for ever', async () => {
  await using letta = await startLettaSimulator({ agents: [AGENT] });
  using agent = new AgentFolder({ endpoint: letta.url, apiKey: KEY });
  const whole = await BrocaProcess.start(agent.folder);
  await say(whole, 'm1');
  await whole.kill('SIGTERM');
  const head = readFileSync(agent.path('animus.db')).subarray(0, 100);
  for (const rest of ['', 'x'.repeat(50_000)]) {
    writeFileSync(agent.path('animus.db'), Buffer.concat([head, Buffer.from(rest)]));
    const first = await BrocaProcess.start(agent.folder).catch(() => null);
    await using broca = first ?? (await BrocaProcess.start(agent.folder));
    assert.equal((await say(broca, `m-${rest.length}`)).outcome, 'answered');
    await broca.kill('SIGTERM');
  }
  assert.equal(setAside(agent).length, 2);
});

test('a command that works on a damaged database without Broca says so, and touches nothing', async () => {
  using agent = new AgentFolder({ endpoint: 'http://127.0.0.1:9', apiKey: KEY, settings: { message_mode: 'echo' } });
  const broca = await BrocaProcess.start(agent.folder);
  await say(broca, 'm1');
  await broca.kill('SIGTERM');
  const list = async (): Promise<string> => {
    const run = promisify(execFile)(process.execPath, [MAIN, 'users', 'list', '--folder', agent.folder]);
    return await run.then(
      () => 'it worked',
      (error: { stderr: string }) => error.stderr,
    );
  };
  spoil(agent.path('animus.db'), 'users');
  assert.match(await list(), /animus\.db may be damaged .*start the agent/);
  const rubbish = Buffer.alloc(2 * PAGE, 'rubbish');
  writeFileSync(agent.path('animus.db'), rubbish);
  assert.match(await list(), /animus\.db is damaged .*start the agent/);
  assert.deepEqual(readFileSync(agent.path('animus.db')), rubbish);
  assert.deepEqual(setAside(agent), []);
});
