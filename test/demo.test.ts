/** `npm start` that is broken off: nothing stays behind, and its exit code does not say that all was well. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { noTerminal, TerminalProgram } from './terminal.ts';

const DEMO = [process.execPath, path.join(import.meta.dirname, '../scripts/demo.ts')] as const;

/** Where the demo makes its home; whatever still runs there at the end is told and ended. */
function temporaryFolder(t: TestContext): string {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'demo-test-')));
  t.after(() => {
    for (const pid of processesOf(folder)) process.kill(pid, 'SIGKILL');
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
  });
  return folder;
}

/** Those that were told of something in the folder, or stand there. */
function processesOf(folder: string): number[] {
  return fs.readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    try {
      const words = fs.readFileSync(`/proc/${name}/cmdline`, 'utf8') + fs.readlinkSync(`/proc/${name}/cwd`);
      return words.includes(folder) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

test('a terminal that is closed while the fleet comes up leaves no home and no process', { skip: noTerminal }, async (t) => {
  const folder = temporaryFolder(t);
  const terminal = new TerminalProgram(DEMO, { ...process.env, TMPDIR: folder });
  await terminal.shows(/animus up -d/);
  assert.equal(fs.readdirSync(folder).length, 1);
  const watcher = fs.watch(folder);
  await terminal[Symbol.asyncDispose]();
  while (fs.readdirSync(folder).length > 0) await once(watcher, 'change');
  watcher.close();
  assert.deepEqual(processesOf(folder), []);
});

test('without a terminal, SIGTERM before the tour is over: nothing stays, and the exit code is not 0', async (t) => {
  const folder = temporaryFolder(t);
  const [program, ...words] = DEMO;
  const demo = spawn(program, words, { env: { ...process.env, TMPDIR: folder }, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(demo, 'exit');
  for await (const line of createInterface({ input: demo.stdout })) {
    if (line.includes('animus deploy')) demo.kill('SIGTERM');
  }
  assert.deepEqual(await ended, [1, null]);
  assert.deepEqual(fs.readdirSync(folder), []);
});
