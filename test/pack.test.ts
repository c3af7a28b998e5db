/** The installable package, on a machine that has Node and npm but no checkout. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { startLettaSimulator } from 'animus-testkit';

const root = path.dirname(import.meta.dirname);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'animus-installed-'));
const animus = path.join(folder, 'prefix/bin/animus');

/** As a person's shell: no checkout's node_modules/.bin before the rest, nothing of an npm that runs this test. */
const environment: NodeJS.ProcessEnv = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_(OPTIONS|TEST_CONTEXT)$/i.test(name))),
  PATH: process.env['PATH']
    ?.split(':')
    .filter((each) => !each.startsWith(root))
    .join(':'),
  HOME: path.join(folder, 'home'),
  npm_config_cache: path.join(process.env['HOME'] ?? folder, '.npm'),
};

function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { cwd: folder, env: environment, encoding: 'utf8' });
}

before(() => {
  fs.mkdirSync(path.join(folder, 'home'));
  const packed = execFileSync(process.execPath, [path.join(root, 'scripts/pack.ts'), '--to', folder], { encoding: 'utf8' });
  run('npm', 'install', '--global', '--prefix', path.join(folder, 'prefix'), '--no-audit', '--no-fund', '--loglevel=error', packed.trim());
});

after(() => fs.rmSync(folder, { recursive: true, force: true }));

test('an installed animus runs on the Node it brought', () => {
  const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  assert.match(run(animus, '--version'), new RegExp(version.replaceAll('.', '\\.')));
});

test('it deploys an agent from its own sources, brings the fleet up, and the agent answers', async () => {
  await using letta = await startLettaSimulator();
  const id = 'agent-721679f6-c8af-4e01-8677-dc042dc80368';
  letta.addAgent({ id, apiKey: 'a-key-of-this-agent' });
  // The simulator answers in this process, so nothing here may block it.
  const ask = async (...args: string[]) => (await promisify(execFile)(animus, args, { cwd: folder, env: environment })).stdout;
  await ask('deploy', id, letta.url, 'a-key-of-this-agent');
  try {
    await ask('up', '-d');
    assert.match(await ask('send', id, 'hello from a package'), /hello from a package/);
    assert.match(await ask('health'), /✓/);
  } finally {
    await ask('down');
  }
});

test('the package holds no tests and nothing of the workspace but what runs and what clones are made of', () => {
  const installed = path.join(folder, 'prefix/lib/node_modules/animus');
  const files = fs.readdirSync(installed, { recursive: true, encoding: 'utf8' }).filter((name) => !name.startsWith('node_modules'));
  assert.deepEqual(
    files.filter((name) => /\.test\.|testkit|tsbuildinfo/.test(name)),
    [],
  );
  for (const name of ['dist/broca.mjs', 'dist/supervisor.mjs', 'packages/broca-core/src/main.ts', 'templates/env', 'LICENSE']) {
    assert.ok(files.includes(name), name);
  }
});
