/** Fault 12: the commands that did not work on what had been deployed. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openRig, type Rig } from './rig.ts';

const MAIN = join(import.meta.dirname, '../../packages/broca-core/src/main.ts');

/** Runs `broca …` in a folder; gives what it printed. Fails unless it ends well. */
async function broca(cwd: string, ...args: string[]): Promise<string> {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code] = await once(child, 'close');
  assert.equal(code, 0, `broca ${args.join(' ')}: ${err}`);
  return out;
}

/** `broca run` as a person types it in the agent's folder. */
async function runInFolder(t: TestContext, { agent }: Rig): Promise<ChildProcess> {
  mkdirSync(agent.path('run'));
  const watcher = watch(agent.path('run'));
  const child = spawn(process.execPath, [MAIN, 'run'], { cwd: agent.folder, stdio: ['ignore', 'ignore', 'inherit'] });
  t.after(() => void child.kill('SIGKILL'));
  while (!existsSync(agent.path('run/broca.sock'))) await once(watcher, 'change');
  watcher.close();
  return child;
}

test("run, queue list and stats, settings show and set, users list: from the agent's folder, and from elsewhere with --folder", async (t) => {
  await using rig = await openRig({ environment: { MESSAGE_MODE: 'echo' } });
  const { folder } = rig.agent;
  const running = await runInFolder(t, rig);
  assert.match(await broca(folder, 'send', 'hello'), /hello/);
  const [list, stats, settings, users] = await Promise.all([
    broca(folder, 'queue', 'list', '--state', 'all'),
    broca(tmpdir(), 'queue', 'stats', '--json', '--folder', folder),
    broca(folder, 'settings', 'show'),
    broca(tmpdir(), 'users', 'list', '--json', '--folder', folder),
  ]);
  assert.match(list, /hello/);
  assert.equal(JSON.parse(stats).turns.settled, 1);
  assert.match(settings, /message_processing\.mode\s+"?echo/);
  assert.equal(JSON.parse(users).length, 1);
  await broca(folder, 'settings', 'set', 'max_retries', '7');
  running.kill('SIGTERM');
  await once(running, 'close');

  const stopped = await Promise.all([
    broca(tmpdir(), 'settings', 'get', 'message_processing.max_retries', '--folder', folder),
    broca(folder, 'queue', 'stats', '--json'),
    broca(folder, 'users', 'list'),
    broca(tmpdir(), 'queue', 'list', '--state', 'all', '--folder', folder),
  ]);
  for (const [index, expected] of [/7/, /"settled": ?1/, /@/, /hello/].entries()) assert.match(stopped[index] ?? '', expected);
});
