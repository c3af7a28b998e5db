/** One Broca as a process of its own, against the Letta simulator: its turns, whatever ends in the middle. */
import assert from 'node:assert/strict';
import { copyFileSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { AgentFolder, BrocaProcess, startLettaSimulator } from 'animus-testkit';

const KEY = 'sk-very-secret-key-4711';
const AGENT = { id: 'agent-test', apiKey: KEY };

type Reply = { turnId: number; outcome: string; parts: { text: string }[] };

async function say(broca: BrocaProcess, externalId: string, text: string, sender = 'ann'): Promise<Reply> {
  return (await broca.ask('console.send', { externalId, text, chat: sender, sender: { id: sender, username: sender } })) as Reply;
}

test('a message is answered with every message of the agent, in order', async () => {
  await using letta = await startLettaSimulator({ agents: [AGENT] });
  using agent = new AgentFolder({ endpoint: letta.url, apiKey: KEY });
  await using broca = await BrocaProcess.start(agent.folder);
  letta.answerNext([
    { kind: 'assistant', text: 'one' },
    { kind: 'tool', name: 'search' },
    { kind: 'assistant', text: 'two' },
  ]);
  const reply = await say(broca, 'm1', 'hello');
  assert.equal(reply.outcome, 'answered');
  assert.deepEqual(
    reply.parts.map(({ text }) => text),
    ['one', 'two'],
  );
  assert.equal(letta.turns[0]?.text, '[Username: @ann, Console ID: ann] hello');
});

test('an agent that says nothing has answered: the turn is silent and not asked again', async () => {
  await using letta = await startLettaSimulator({ agents: [AGENT] });
  using agent = new AgentFolder({ endpoint: letta.url, apiKey: KEY });
  await using broca = await BrocaProcess.start(agent.folder);
  letta.answerNext([{ kind: 'reasoning', text: 'nothing to say' }]);
  const reply = await say(broca, 'm1', 'hello');
  assert.equal(reply.outcome, 'silent');
  assert.deepEqual(reply.parts, []);
  assert.equal((await say(broca, 'm2', 'and now?')).outcome, 'answered');
  assert.equal(letta.turns.length, 2);
});

test('kill -9 in the middle of a turn: the next Broca finds the run and replies once', async () => {
  await using letta = await startLettaSimulator({ agents: [AGENT] });
  using agent = new AgentFolder({ endpoint: letta.url, apiKey: KEY });
  letta.hold();
  const first = await BrocaProcess.start(agent.folder);
  void first.ask('console.send', { externalId: 'm1', text: 'hello', wait: false });
  await letta.turnStarted();
  await first.kill('SIGKILL');
  letta.release();

  await using second = await BrocaProcess.start(agent.folder);
  const reply = (await second.ask('console.send', { externalId: 'm1', text: 'hello' })) as Reply;
  assert.equal(reply.outcome, 'answered');
  assert.equal(reply.parts.length, 1);
  assert.equal(letta.turns.length, 1, 'Letta ran it once');
});

test('a stop with a turn in hand leaves it resumable once its time is over', async () => {
  await using letta = await startLettaSimulator({ agents: [AGENT] });
  using agent = new AgentFolder({ endpoint: letta.url, apiKey: KEY });
  letta.hold();
  const first = await BrocaProcess.start(agent.folder);
  void first.ask('console.send', { externalId: 'm1', text: 'hello', wait: false });
  await letta.turnStarted();
  const link = await first.connect('supervisor');
  link.send({ type: 'stop', deadlineMs: 50 });
  assert.deepEqual(await first.exited, { code: 0, signal: null }, first.stderr);
  letta.release();

  await using second = await BrocaProcess.start(agent.folder);
  const reply = (await second.ask('console.send', { externalId: 'm1', text: 'hello' })) as Reply;
  assert.equal(reply.outcome, 'answered');
  assert.equal(letta.turns.length, 1);
});

test('a stop waits for the turn in hand and hands its reply over', async () => {
  await using letta = await startLettaSimulator({ agents: [AGENT] });
  using agent = new AgentFolder({ endpoint: letta.url, apiKey: KEY });
  letta.hold();
  const broca = await BrocaProcess.start(agent.folder);
  const reply = say(broca, 'm1', 'hello');
  await letta.turnStarted();
  const link = await broca.connect('supervisor');
  link.send({ type: 'stop', deadlineMs: 15_000 });
  await link.next((frame) => frame.type === 'stopping');
  letta.release();
  assert.equal((await reply).outcome, 'answered');
  assert.deepEqual(await broca.exited, { code: 0, signal: null });
});

test("the first message of a new user waits for a Letta that is down, and nobody's is lost", async () => {
  await using letta = await startLettaSimulator({ agents: [AGENT] });
  using agent = new AgentFolder({ endpoint: letta.url, apiKey: KEY });
  await letta.goOffline();
  await using broca = await BrocaProcess.start(agent.folder);
  const replies = ['ann', 'bob'].map((sender) => say(broca, 'm1', `I am ${sender}`, sender));
  const beat = await broca.beat(({ letta: state, queue }) => state.state === 'unreachable' && queue.waiting + queue.running === 2);
  assert.equal(beat.letta.state, 'unreachable');
  await letta.goOnline();
  for (const reply of await Promise.all(replies)) assert.equal(reply.outcome, 'answered');
  assert.equal(letta.turns.length, 2);
});

test('a wrong key holds the agent: messages are taken, health says why, and it goes on once the key is right', async () => {
  await using letta = await startLettaSimulator({ agents: [AGENT] });
  using agent = new AgentFolder({ endpoint: letta.url, apiKey: KEY });
  letta.changeKey(AGENT.id, 'sk-another');
  await using broca = await BrocaProcess.start(agent.folder);
  const reply = say(broca, 'm1', 'hello');
  const beat = await broca.beat(({ letta: state, queue }) => state.state === 'held' && queue.waiting + queue.running === 1);
  assert.match(beat.letta.state === 'held' ? beat.letta.reason : '', /key/i);
  letta.changeKey(AGENT.id, KEY);
  const link = await broca.connect('supervisor');
  link.send({ type: 'reload' });
  assert.equal((await reply).outcome, 'answered');
  assert.equal(letta.turns.length, 1);
});

test('each turn runs with its own user’s block attached and no other', async () => {
  await using letta = await startLettaSimulator({ agents: [AGENT] });
  using agent = new AgentFolder({ endpoint: letta.url, apiKey: KEY });
  await using broca = await BrocaProcess.start(agent.folder);
  for (const sender of ['ann', 'bob', 'ann', 'cat']) await say(broca, `m${letta.turns.length}`, 'hello', sender);
  const labels = letta.turns.map((turn) => turn.blocks);
  for (const attached of labels) assert.equal(attached.filter((label) => label.startsWith('user')).length, 1, JSON.stringify(labels));
  assert.deepEqual(labels[0], labels[2]);
  assert.equal(new Set(labels.map(String)).size, 3);
});

test('an older database that was put back asks what is new, and mixes nobody up with who had the number before', async () => {
  await using letta = await startLettaSimulator({ agents: [AGENT] });
  using agent = new AgentFolder({ endpoint: letta.url, apiKey: KEY });
  const life = async (externalId: string, sender: string): Promise<Reply> => {
    await using broca = await BrocaProcess.start(agent.folder);
    const reply = await say(broca, externalId, `I am ${sender}`, sender);
    await broca.kill('SIGTERM');
    return reply;
  };
  await life('m1', 'ann');
  copyFileSync(agent.path('animus.db'), agent.path('older.db'));
  const before = await life('m2', 'bob');
  copyFileSync(agent.path('older.db'), agent.path('animus.db'));
  const after = await life('m3', 'cat');
  assert.equal(after.turnId, before.turnId);
  assert.match(after.parts[0]?.text ?? '', /I am cat/);
  assert.equal(letta.turns.length, 3);
  const [, bobs, cats] = letta.turns.map(({ blocks }) => blocks.find((label) => label.startsWith('user')));
  assert.notEqual(bobs, cats);
});

test('a Letta without background runs is told of in the log and in health, until it has them', async () => {
  await using letta = await startLettaSimulator({ agents: [AGENT] });
  using agent = new AgentFolder({ endpoint: letta.url, apiKey: KEY });
  await using broca = await BrocaProcess.start(agent.folder);
  letta.redisOff();
  assert.equal((await say(broca, 'm1', 'hello')).outcome, 'answered');
  const { faults = [] } = await broca.beat(({ problems }) => problems.some((problem) => /in the foreground only/.test(problem)));
  assert.deepEqual(faults, []);
  assert.match(readFileSync(agent.path('logs', 'broca.log'), 'utf8'), /letta-foreground/);
});

test('a failing turn is asked max_retries times again, each with an otid of its own, then parked and told once', async () => {
  await using letta = await startLettaSimulator({ agents: [AGENT], script: () => [{ kind: 'fail', errorType: 'llm_timeout' }] });
  using agent = new AgentFolder({ endpoint: letta.url, apiKey: KEY, settings: { message_processing: { max_retries: 0 } } });
  await using broca = await BrocaProcess.start(agent.folder);
  const reply = await say(broca, 'm1', 'hello');
  assert.deepEqual(
    reply.parts.map(({ text }) => text),
    ['Sorry, the agent could not answer this message.'],
  );
  const beat = await broca.beat(({ queue }) => queue.parked === 1);
  assert.match(beat.problems.join(), /1 turn is parked: broca queue list/);
  assert.deepEqual(beat.faults, []);
  letta.setScript(() => [{ kind: 'assistant', text: 'well again' }]);
  await broca.ask('queue.retry', { turn: reply.turnId });
  const again = await say(broca, 'm1', 'hello');
  assert.equal(again.parts.at(-1)?.text, 'well again');
  assert.equal(new Set(letta.turns.map(({ otid }) => otid)).size, 2);
});

test('modes change while it runs: echo formats, listen only stores, live asks', async () => {
  await using letta = await startLettaSimulator({ agents: [AGENT] });
  using agent = new AgentFolder({ endpoint: letta.url, apiKey: KEY, settings: { message_processing: { mode: 'echo' } } });
  await using broca = await BrocaProcess.start(agent.folder);
  assert.equal((await say(broca, 'm1', 'hello')).parts[0]?.text, '[Username: @ann, Console ID: ann] hello');
  await broca.ask('settings.set', { key: 'message_mode', value: 'listen' });
  assert.deepEqual(await say(broca, 'm2', 'hello'), { ...(await say(broca, 'm2', 'hello')), outcome: 'stored', parts: [] });
  assert.equal(letta.turns.length, 0);
  await broca.ask('settings.set', { key: 'message_mode', value: 'live' });
  assert.equal((await say(broca, 'm3', 'hello')).outcome, 'answered');
});

test('files are for their owner alone, and no secret is in the log', async () => {
  await using letta = await startLettaSimulator({ agents: [AGENT] });
  using agent = new AgentFolder({ endpoint: letta.url, apiKey: KEY });
  await using broca = await BrocaProcess.start(agent.folder);
  await say(broca, 'm1', `my key is ${KEY}, the number is 4711`);
  for (const file of ['animus.db', 'run/broca.sock', 'run/lock', 'logs/broca.log']) {
    assert.equal(statSync(agent.path(file)).mode & 0o777, 0o600, file);
  }
  const logs = readdirSync(agent.path('logs')).map((name) => readFileSync(agent.path('logs', name), 'utf8'));
  assert.ok(logs.join('').includes('turn'));
  assert.ok(!logs.join('').includes(KEY));
});
