/**
 * Runs every test from source, or the files named. A test that leaves a process or a temporary file
 * behind fails the run: all of them get a marked environment and a temporary folder of their own.
 *
 *     npm test [-- [--grep PATTERN] [FILE…]]
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { processesMarked } from './test/left-behind.ts';

const ALL = ['packages/*/src/**/*.test.ts', 'scripts/**/*.test.ts', 'test/**/*.test.ts'];
/** One test, or one file of tests, that takes longer hangs. */
const LONGEST_MS = 600_000;

const root = path.dirname(import.meta.dirname);
const { values, positionals } = parseArgs({ options: { grep: { type: 'string' } }, allowPositionals: true });

async function run(folder: string, mark: string): Promise<number> {
  const pattern = values.grep === undefined ? [] : [`--test-name-pattern=${values.grep}`];
  const child = spawn(
    process.execPath,
    [
      '--test',
      `--test-concurrency=${os.availableParallelism()}`,
      `--test-timeout=${LONGEST_MS}`,
      '--test-reporter=spec',
      ...pattern,
      ...(positionals.length > 0 ? positionals : ALL),
    ],
    { cwd: root, stdio: 'inherit', env: { ...process.env, TMPDIR: folder, ANIMUS_TEST_RUN: mark } },
  );
  const [code] = await once(child, 'exit');
  return typeof code === 'number' ? code : 1;
}

/** Says what the tests left behind, and removes it. */
function leftBehind(folder: string, mark: string): string[] {
  const processes = processesMarked(`ANIMUS_TEST_RUN=${mark}`);
  for (const { pid } of processes) process.kill(pid, 'SIGKILL');
  // npm and tsc keep Node's compile cache in the temporary folder by themselves.
  const files = fs.readdirSync(folder).filter((name) => name !== 'node-compile-cache');
  fs.rmSync(folder, { recursive: true, force: true });
  return [...processes.map(({ pid, command }) => `process ${pid}: ${command}`), ...files.map((name) => `temporary file: ${name}`)];
}

const mark = randomUUID();
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'animus-test-'));
// The terminal tells the test runner of a Ctrl-C as well; this process stays to clean up.
process.on('SIGINT', () => {});
process.exitCode = await run(folder, mark);
const left = leftBehind(folder, mark);
if (left.length > 0) {
  console.error(`\n✖ the tests left behind:\n${left.map((line) => `  ${line}`).join('\n')}`);
  process.exitCode = 1;
}
