/** A Broca of ours starts in the folder of a Python Broca and goes on where that one was. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import type { BrocaFrame } from 'animus-protocol';
import { BrocaProcess, type LettaSimulator, startLettaSimulator } from 'animus-testkit';
import { change, column, dump, PythonHome } from './home.ts';

const KEY = 'sk-very-secret-key-4711';

/** Fills in what the example leaves to a person; the rest of `.env` stays. */
function configure(home: PythonHome, endpoint: string): void {
  const text = readFileSync(home.path('.env'), 'utf8');
  const filled = text
    .replace(/^AGENT_ENDPOINT=.*$/m, `AGENT_ENDPOINT=${endpoint}/v1`)
    .replace(/^AGENT_API_KEY=.*$/m, `AGENT_API_KEY=${KEY}`);
  writeFileSync(home.path('.env'), filled);
}

async function letta(home: PythonHome): Promise<LettaSimulator> {
  const simulator = await startLettaSimulator({ agents: [{ id: home.id, apiKey: KEY }] });
  configure(home, simulator.url);
  return simulator;
}

/** The block that the original made for each user: all of one label, which it never told apart. */
async function makeBlocks(home: PythonHome, simulator: LettaSimulator): Promise<string[]> {
  const ids: string[] = [];
  for (const user of column(home.database, 'SELECT id FROM letta_users ORDER BY id')) {
    const response = await fetch(`${simulator.url}/v1/blocks/`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ label: 'human', value: `memory of user ${user}` }),
    });
    const made: unknown = await response.json();
    assert.ok(typeof made === 'object' && made !== null && 'id' in made && typeof made.id === 'string');
    ids.push(made.id);
    change(home.database, `UPDATE letta_users SET letta_block_id = '${made.id}' WHERE id = ${user}`);
  }
  return ids;
}

async function attach(home: PythonHome, simulator: LettaSimulator, block: string): Promise<void> {
  await fetch(`${simulator.url}/v1/agents/${home.id}/core-memory/blocks/attach/${block}`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${KEY}` },
  });
}

test('the three that waited are asked, each with its own memory; nothing else is asked or sent again', async () => {
  using home = new PythonHome();
  await using simulator = await letta(home);
  const blocks = await makeBlocks(home, simulator);
  // The original ended in the middle of a turn and left another user's block attached.
  await attach(home, simulator, blocks[3] ?? '');
  const before = dump(home.database);
  await using broca = await BrocaProcess.start(home.folder);
  const beat = await broca.beat(({ queue }) => queue.waiting + queue.running === 0);
  assert.deepEqual([beat.queue.parked, beat.queue.outbox], [3, 3]);

  const texts = column(home.database, 'SELECT text FROM inbounds WHERE turn_id BETWEEN 58 AND 60 ORDER BY turn_id');
  assert.deepEqual(
    simulator.turns.map(({ text }) => text.slice(text.indexOf('] ') + 2)),
    texts,
  );
  assert.deepEqual(
    simulator.turns.map((turn) => turn.blocks),
    [['human'], ['human'], ['human']],
  );
  assert.deepEqual(simulator.attachedLabels(home.id), []);
  assert.deepEqual(column(home.database, 'SELECT block_id FROM users ORDER BY id'), blocks, 'each user has the memory that was theirs');
  assert.deepEqual(column(home.database, "SELECT turn_id FROM parts WHERE state <> 'sent' ORDER BY 1"), [58, 59, 60]);

  const log = readFileSync(home.path('logs', 'broca.log'), 'utf8');
  const taken: unknown = JSON.parse(log.split('\n').find((line) => line.includes('taken-over')) ?? '{}');
  assert.ok(typeof taken === 'object' && taken !== null && 'backup' in taken && typeof taken.backup === 'string');
  assert.deepEqual(dump(taken.backup), before);
});

test('what it may have asked already is asked again by a person’s decision only, and history is there', async () => {
  using home = new PythonHome();
  await using simulator = await letta(home);
  await makeBlocks(home, simulator);
  change(home.database, "UPDATE queue SET status = 'flushed' WHERE status = 'pending'");
  await using broca = await BrocaProcess.start(home.folder);
  await assert.rejects(broca.ask('queue.retry', { turn: 55 }), /nobody knows whether the agent got turn 55/);
  const parked = JSON.stringify(await broca.ask('queue.list', { state: 'parked' }));
  assert.match(parked, /ended while it worked on this; the agent may have been asked/);
  assert.equal(simulator.turns.length, 0);
  const started = simulator.turnStarted();
  await broca.ask('queue.retry', { turn: 55, evenIfAskedTwice: true });
  await started;
  assert.match(simulator.turns[0]?.text ?? '', /line one/);

  const history = await broca.ask('conversations.get', { conversation: 'telegram/2001' });
  const shown = JSON.stringify(history);
  assert.match(shown, /what is the weather like tomorrow\? #0/);
  assert.match(shown, /Reply to #0/);
  assert.match(shown, /2026-07-10T11:08:00/);
  const users = JSON.stringify(await broca.ask('users.get', { user: '@bob' }));
  assert.match(users, /identity-00000001-0000-4000-8000-000000000000/);
});

test('a database that cannot be taken over ends the start with words that help, and stays', async () => {
  using home = new PythonHome();
  await using simulator = await letta(home);
  change(home.database, 'ALTER TABLE messages DROP COLUMN agent_response');
  const before = readFileSync(home.database);
  const broca = BrocaProcess.launch(home.folder);
  assert.equal((await broca.exited).code, 78);
  assert.match(broca.stderr, /lacks messages\.agent_response/);
  assert.deepEqual(readFileSync(home.database), before);
  assert.equal(simulator.turns.length, 0);
});

/** So many that nobody takes them over before somebody looks. */
const MANY =
  'WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 20000) ' +
  "INSERT INTO messages (letta_user_id, platform_profile_id, role, message, timestamp, processed, agent_response) SELECT 1, 1, 'user', 'one of many', '2026-07-10 11:08 UTC', 1, 'yes' FROM number";

test('one that takes long says how far it is, answers commands with that, and can be stopped; the next start begins again', async () => {
  using home = new PythonHome();
  await using simulator = await letta(home);
  change(home.database, `${MANY}; UPDATE queue SET status = 'flushed' WHERE status = 'pending'`);
  {
    await using broca = BrocaProcess.launch(home.folder);
    await using link = await broca.greeted('supervisor');
    await link.next((frame) => frame.type === 'hello');
    const isOnTheWay = (frame: BrocaFrame): boolean => frame.type === 'beat' && /\d of 20060 messages/.test(frame.problems.join());
    await link.next(isOnTheWay);
    await link.next(isOnTheWay);
    await assert.rejects(
      broca.ask('queue.list'),
      /still starting \(takes over the Python Broca's database: \d+ of 20060 messages so far\)/,
    );
    link.send({ type: 'stop', deadlineMs: 1_000 });
    assert.deepEqual(await broca.exited, { code: 0, signal: null });
  }
  assert.deepEqual(column(home.database, 'SELECT count(*) FROM messages'), [20_060]);
  await using again = await BrocaProcess.start(home.folder);
  assert.deepEqual(column(home.database, 'SELECT count(*) FROM turns'), [20_060]);
  assert.doesNotMatch((await again.beat(() => true)).problems.join(), /takes over/);
  assert.equal(simulator.turns.length, 0);
});
