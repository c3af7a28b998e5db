import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { readBrocaConfig } from './agent-files.ts';
import { formatProblem } from './problem.ts';

const ENV = 'AGENT_ENDPOINT=https://letta.example.org\nAGENT_API_KEY=sk-let-123456\n';

function makeFolder(t: { after(end: () => void): void }, files: Record<string, string>, name = 'agent-x'): string {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'broca-load-'));
  t.after(() => fs.rmSync(home, { recursive: true }));
  const folder = path.join(home, name);
  fs.mkdirSync(folder);
  for (const [file, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, file), text, { mode: 0o600 });
  return folder;
}

function shown(folder: string): string[] {
  const { config, problems } = readBrocaConfig(folder);
  assert.equal(
    config === null,
    problems.some(({ severity }) => severity === 'error'),
  );
  return problems.map(formatProblem);
}

test("the three files of an agent's folder are read", (t) => {
  const folder = makeFolder(t, {
    '.env': ENV,
    'settings.json': '{"message_mode":"echo"}',
    '../animus.config.json': '{"logs":{"keep_days":3}}',
  });
  const { config, problems } = readBrocaConfig(folder);
  assert.deepEqual(problems, []);
  assert.deepEqual([config?.agentId, config?.mode, config?.logKeepDays], ['agent-x', 'echo', 3]);
});

test('a folder that is no agent folder needs AGENT_ID', (t) => {
  assert.match(shown(makeFolder(t, { '.env': ENV }, 'data')).join('\n'), /^\.env: AGENT_ID: missing/);
  assert.deepEqual(shown(makeFolder(t, { '.env': `${ENV}AGENT_ID=agent-x` }, 'data')), []);
});

test('a missing .env is told once, with what to do', (t) => {
  const problems = shown(makeFolder(t, {}));
  assert.equal(problems.length, 1);
  assert.match(problems[0] ?? '', /animus deploy/);
});

test('files that others may read are warned of', (t) => {
  const folder = makeFolder(t, { '.env': ENV, 'settings.json': '{}' });
  fs.chmodSync(path.join(folder, '.env'), 0o644);
  assert.deepEqual(shown(folder), ['.env: mode: can be read or changed by others (mode 644): run chmod 600 .env']);
});

test('what is no file, or far too large, is refused and hangs nothing', (t) => {
  const folder = makeFolder(t, { '.env': ENV });
  const settings = path.join(folder, 'settings.json');
  fs.mkdirSync(settings);
  assert.match(shown(folder).join('\n'), /settings\.json: the whole file: is no regular file/);
  fs.rmdirSync(settings);
  execFileSync('mkfifo', [settings]);
  assert.match(shown(folder).join('\n'), /settings\.json: the whole file: is no regular file/);
  fs.rmSync(settings);
  fs.writeFileSync(settings, ' '.repeat(1024 * 1024 + 1), { mode: 0o600 });
  assert.match(shown(folder).join('\n'), /settings\.json: the whole file: has 1048577 bytes/);
});

test('a .env that may not be read is told as that', { skip: process.getuid?.() === 0 ? 'root may read everything' : false }, (t) => {
  const folder = makeFolder(t, { '.env': ENV });
  fs.chmodSync(path.join(folder, '.env'), 0o000);
  assert.deepEqual(shown(folder), ['.env: the whole file: cannot be read (EACCES): it must belong to the user that runs Broca']);
});
