/** What ends the start of a Broca, and with which words and exit code. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AgentFolder, BrocaProcess } from 'animus-testkit';

const MAIN = join(import.meta.dirname, '../../packages/broca-core/src/main.ts');
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

/** Root may write a file whatever its mode; only an attribute of the file system keeps it from that. */
function lock(file: string, isLocked: boolean): void {
  if (process.getuid?.() === 0) execFileSync('chattr', [isLocked ? '+i' : '-i', file]);
  else chmodSync(file, isLocked ? 0o400 : 0o600);
}

test('a read-only database is no start: nothing is taken that cannot be stored, and once it can be written, the next Broca runs', {
  timeout: 60_000,
}, async (t) => {
  using agent = new AgentFolder(NOWHERE);
  const before = await BrocaProcess.start(agent.folder);
  await before.kill('SIGTERM');
  const file = agent.path('animus.db');
  lock(file, true);
  t.after(() => existsSync(file) && lock(file, false));
  await using refused = BrocaProcess.launch(agent.folder);
  assert.deepEqual(await refused.exited, { code: 1, signal: null });
  assert.match(refused.stderr, /animus\.db is read-only/);
  const looked = execFileSync(process.execPath, [MAIN, 'queue', 'stats', '--json', '--folder', agent.folder], { encoding: 'utf8' });
  assert.equal(JSON.parse(looked).turns.waiting, 0, 'a command that only looks is answered');
  lock(file, false);
  await using mended = await BrocaProcess.start(agent.folder);
  assert.deepEqual(await mended.ask('users.list'), []);
});
