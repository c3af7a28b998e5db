import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { agentPaths } from '../home/paths.ts';
import { readTelegramIdentities } from './identities.ts';

const TOKEN = 'TELEGRAM_BOT_TOKEN=123456:abcdefgh\n';

test('who an agent is on Telegram: from its .env and from its login, without a key of either', (t) => {
  const paths = furnish(t);
  assert.deepEqual(readTelegramIdentities(paths), []);
  writeFileSync(paths.environment, TOKEN);
  writeFileSync(path.join(paths.folder, 'run/telegram.session'), '{"session":"1abc","account":{"id":"42"}}');
  const identities = readTelegramIdentities(paths);
  assert.deepEqual([identities.length, identities[1]], [2, 'account 42']);
  assert.doesNotMatch(identities.join(), /abcdefgh|1abc/);
});

// An open that waits would hang this file until the runner ends it.
test('what an agent puts in the place of its files holds nobody up: named pipes, folders, gigabytes', (t) => {
  const paths = furnish(t);
  const session = path.join(paths.folder, 'run/telegram.session');
  for (const file of [paths.environment, session]) execFileSync('mkfifo', [file]);
  assert.deepEqual(readTelegramIdentities(paths), []);
  for (const file of [paths.environment, session]) rmSync(file);
  mkdirSync(paths.environment);
  writeFileSync(session, '{"account":{"id":"42"}}');
  truncateSync(session, 64 * 1024 ** 3);
  assert.deepEqual(readTelegramIdentities(paths), []);
});

function furnish(t: { after: (call: () => void) => void }): ReturnType<typeof agentPaths> {
  const home = mkdtempSync(path.join(os.tmpdir(), 'animus-identities-'));
  t.after(() => rmSync(home, { recursive: true }));
  const paths = agentPaths(home, 'agent-a');
  mkdirSync(path.join(paths.folder, 'run'), { recursive: true });
  return paths;
}
