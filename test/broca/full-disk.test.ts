/** A Broca whose disk is really full: a small file system of its own, where we may mount one. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { AgentFolder, BrocaProcess, startLettaSimulator } from 'animus-testkit';

const KEY = 'sk-very-secret-key-4711';
const AGENT = { id: 'agent-test', apiKey: KEY };

type Reply = { outcome: string; parts: { text: string; state: string }[] };

/** An agent's folder on a file system of `megabytes`; null where mounting is not allowed. */
function smallDisk(t: TestContext, endpoint: string, megabytes: number): AgentFolder | null {
  const agent = new AgentFolder({ endpoint, apiKey: KEY });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', agent.folder], { stdio: 'ignore' });
  } catch {
    agent[Symbol.dispose]();
    t.skip('no file system may be mounted here');
    return null;
  }
  t.after(() => {
    execFileSync('umount', ['-l', agent.folder]);
    agent[Symbol.dispose]();
  });
  agent.writeEnvironment({ AGENT_ID: agent.agentId, AGENT_ENDPOINT: endpoint, AGENT_API_KEY: KEY });
  agent.writeSettings({});
  return agent;
}

function fill(agent: AgentFolder): void {
  for (const bytes of [65_536, 512]) {
    try {
      for (;;) appendFileSync(agent.path('ballast'), Buffer.alloc(bytes, 1));
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
    }
  }
}

test('disk full: the turn in hand is settled, nothing new is acknowledged, health says why, and it goes on by itself', async (t) => {
  await using letta = await startLettaSimulator({ agents: [AGENT] });
  const agent = smallDisk(t, letta.url, 6);
  if (agent === null) return;
  await using broca = await BrocaProcess.start(agent.folder);
  await broca.beat(({ letta: state }) => state.state === 'reachable');
  letta.hold();
  const ask = async (externalId: string): Promise<Reply> => (await broca.ask('console.send', { externalId, text: 'hello' })) as Reply;
  const inHand = ask('m1');
  await letta.turnStarted();
  mkdirSync(agent.path('inbox'), { recursive: true });
  writeFileSync(agent.path('inbox', 'm3.tmp'), JSON.stringify({ id: 'm3', chat: 'c', sender: { id: 's' }, text: 'by file' }));
  fill(agent);
  // As much as still fits into pages that are there already is taken; then no more, and no less is remembered.
  const stored: string[] = [];
  for (let number = 0; ; number += 1) {
    const text = 'x'.repeat(2_000);
    const answer = await broca
      .ask('console.send', { externalId: `more${number}`, text, wait: false })
      .catch((error: Error) => error.message);
    if (typeof answer === 'string') {
      assert.match(answer, /could not be stored: the disk is full/);
      break;
    }
    stored.push(`more${number}`);
  }
  renameSync(agent.path('inbox', 'm3.tmp'), agent.path('inbox', 'm3.json'));
  letta.release();
  const reply = await inHand;
  assert.deepEqual([reply.outcome, reply.parts.length, reply.parts[0]?.state], ['answered', 1, 'sent']);
  const sick = await broca.beat(({ problems }) => problems.some((problem) => problem.includes('the disk is full')));
  assert.match(sick.faults?.join() ?? '', /the disk is full/);
  assert.equal(sick.channels.find(({ name }) => name === 'spool')?.state, 'up');

  rmSync(agent.path('ballast'));
  await broca.beat(({ problems }) => problems.every((problem) => !problem.includes('full')));
  for (const id of stored) assert.equal((await ask(id)).outcome, 'answered', `${id} was acknowledged`);
  assert.equal((await ask('m2')).outcome, 'answered');
  const nudge = await broca.connect('cli');
  nudge.send({ type: 'nudge', channel: 'spool' });
  while (readdirSync(agent.path('outbox')).every((name) => name.startsWith('.'))) await ask('m2');
  assert.ok(!existsSync(agent.path('inbox', 'm3.json')));
  await nudge[Symbol.asyncDispose]();
  assert.equal(letta.turns.length, stored.length + 3, 'each was asked once');
  assert.equal(new Set(letta.turns.map(({ otid }) => otid)).size, letta.turns.length);
});

test('killed on a full disk, it starts there, settles what it had in hand and loses nothing', async (t) => {
  await using letta = await startLettaSimulator({ agents: [AGENT] });
  const agent = smallDisk(t, letta.url, 6);
  if (agent === null) return;
  letta.hold();
  const first = await BrocaProcess.start(agent.folder);
  for (const externalId of ['m1', 'm2']) await first.ask('console.send', { externalId, text: 'hello', wait: false });
  await letta.turnStarted();
  fill(agent);
  await first.kill('SIGKILL');
  letta.release();
  await using second = await BrocaProcess.start(agent.folder);
  const ask = async (externalId: string): Promise<Reply> => (await second.ask('console.send', { externalId, text: 'hello' })) as Reply;
  assert.equal((await ask('m1')).outcome, 'answered');
  rmSync(agent.path('ballast'));
  assert.equal((await ask('m2')).outcome, 'answered');
  assert.deepEqual(
    letta.turns.map(({ otid }) => otid?.split('-').at(-1)),
    ['1:1', '2:1'],
  );
});
