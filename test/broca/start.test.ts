/** What ends the start of a Broca, and with which words and exit code. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { AgentFolder, BrocaProcess } from 'animus-testkit';

const NOWHERE = { endpoint: 'http://127.0.0.1:9', apiKey: 'sk-unused-key' };

test('every problem of the configuration is reported at once, with exit code 78, and no file is touched', async () => {
  using agent = new AgentFolder(NOWHERE);
  agent.writeEnvironment({ AGENT_ID: 'agent-other', AGENT_ENDPOINT: 'letta.example.org', AGENT_API_KY: 'sk-unused-key' });
  agent.writeSettings({ message_processing: { mode: 'loud' } });
  await using broca = BrocaProcess.launch(agent.folder);
  assert.deepEqual(await broca.exited, { code: 78, signal: null });
  for (const expected of [
    /AGENT_API_KEY: missing/,
    /AGENT_API_KY: .*did you mean AGENT_API_KEY\?/,
    /https:\/\/letta\.example\.org/,
    /agent-other/,
    /"echo", "listen", "live"/,
  ]) {
    assert.match(broca.stderr, expected);
  }
  assert.ok(!broca.stderr.includes('sk-unused-key'));
});

test('a folder that is no agent’s is left as it is', async () => {
  using agent = new AgentFolder(NOWHERE);
  const empty = agent.path('empty');
  mkdirSync(empty);
  await using broca = BrocaProcess.launch(empty);
  assert.deepEqual(await broca.exited, { code: 78, signal: null });
  assert.match(broca.stderr, /is no agent's folder.*--folder DIR/);
  assert.deepEqual(readdirSync(empty), []);
});

test('settings that are no JSON are refused with the place, not overwritten', async () => {
  using agent = new AgentFolder(NOWHERE);
  writeFileSync(agent.path('settings.json'), '{\n  "plugins": {,}\n}');
  await using broca = BrocaProcess.launch(agent.folder);
  assert.equal((await broca.exited).code, 78);
  assert.match(broca.stderr, /settings\.json.*2:15/);
});

test('a second Broca in the folder is refused; once the first is killed, the next one starts', async () => {
  using agent = new AgentFolder(NOWHERE);
  const first = await BrocaProcess.start(agent.folder);
  await using second = BrocaProcess.launch(agent.folder);
  assert.equal((await second.exited).code, 1);
  assert.match(second.stderr, /another Broca runs in/);
  await first.kill('SIGKILL');
  await using third = await BrocaProcess.start(agent.folder);
  assert.ok(third.pid > 0);
});

test('a Broca whose Letta cannot be reached starts, and says so', async () => {
  using agent = new AgentFolder(NOWHERE);
  await using broca = await BrocaProcess.start(agent.folder);
  const beat = await broca.beat(({ letta }) => letta.state !== 'unchecked');
  assert.equal(beat.letta.state, 'unreachable');
});

test('a folder whose path is longer than a socket address works all the same', async () => {
  using agent = new AgentFolder(NOWHERE);
  const deep = agent.path(...Array.from({ length: 12 }, (_, index) => `a-rather-long-name-${index}`));
  mkdirSync(deep, { recursive: true });
  writeFileSync(`${deep}/.env`, 'AGENT_ID=agent-deep\nAGENT_ENDPOINT=http://127.0.0.1:9\nAGENT_API_KEY=sk-unused-key\n');
  chmodSync(`${deep}/.env`, 0o600);
  await using broca = await BrocaProcess.start(deep);
  assert.deepEqual(await broca.ask('users.list'), []);
});
