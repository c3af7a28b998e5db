/** A short run of the chaos program, as `npm run chaos` makes it; and what is left of one that is interrupted. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

const PROGRAM = join(import.meta.dirname, '../../scripts/chaos.ts');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chaos-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, [PROGRAM, ...args], { env: { ...process.env, TMPDIR: folder }, stdio: ['ignore', 'pipe', 'pipe'] });
}

async function textOf(stream: ChildProcess['stdout']): Promise<string> {
  let text = '';
  for await (const chunk of stream?.setEncoding('utf8') ?? []) text += String(chunk);
  return text;
}

test('a fleet under fire loses nothing, answers nothing twice and keeps the order', async () => {
  const child = start('--seconds', '8', '--agents', '3', '--seed', 'a short run', '--json');
  const [stdout, stderr, [code]] = await Promise.all([textOf(child.stdout), textOf(child.stderr), once(child, 'exit')]);
  assert.equal(code, 0, `${stderr}\n${stdout}`);
  const { lost, doubled, disordered, answered, received, kills, faults } = JSON.parse(stdout);
  assert.deepEqual({ lost, doubled, disordered }, { lost: 0, doubled: 0, disordered: 0 });
  assert.ok(answered > 0 && answered <= received, stdout);
  assert.ok(kills.brocas > 0, stdout);
  assert.ok(Object.keys(faults).length >= 10, stdout);
  assert.deepEqual(readdirSync(folder), [], 'it left something behind');
});

test('interrupted in the middle, it leaves no process, no mount and no folder behind', async () => {
  const child = start('--seconds', '300', '--agents', '1', '--seed', 'interrupted');
  const ended = once(child, 'exit');
  let said = '';
  await new Promise<void>((resolve) => {
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
      if (said.includes('faults for')) resolve();
    });
    child.once('exit', () => resolve());
  });
  // Once by the terminal, once by npm.
  child.kill('SIGINT');
  child.kill('SIGINT');
  child.stdout?.resume();
  const [code] = await ended;
  assert.equal(code, 130, said);
  assert.deepEqual(readdirSync(folder), []);
  assert.deepEqual(processesIn(folder), []);
});

/** Empty where there is no /proc. */
function processesIn(place: string): string[] {
  if (!existsSync('/proc/self/cwd')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`).startsWith(place);
      } catch {
        return false;
      }
    })
    .map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '));
}
