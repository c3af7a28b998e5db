import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { sampleTrees } from './resources.ts';

const HOLDS = 'const held = Buffer.alloc(150 * 1024 * 1024, 1); console.log(held.length); setInterval(() => held, 1e6)';
/** Ends when its input does, and its children with it. */
const PARENT = `
const { spawn } = require('node:child_process');
const child = spawn('/bin/sh', ['-c', '"$0" -e "$1"; :', process.execPath, ${JSON.stringify(HOLDS)}], { detached: true, stdio: ['ignore', 'inherit', 'inherit'] });
process.stdin.resume().on('end', () => { process.kill(-child.pid, 'SIGKILL'); process.exit(); });
`;

test('what a process started counts with it, a grandchild in another session too; who is gone is left out', async (t) => {
  const parent = spawn(process.execPath, ['-e', PARENT], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(parent, 'exit');
  t.after(async () => {
    parent.stdin.end();
    await ended;
  });
  await once(parent.stdout, 'data');
  assert.ok(parent.pid !== undefined);
  const gone = spawn(process.execPath, ['-e', '']);
  await once(gone, 'exit');
  const usages = await sampleTrees([parent.pid, gone.pid ?? 0]);
  assert.deepEqual([...usages.keys()], [parent.pid]);
  // The program itself takes some 45 MB.
  assert.ok((usages.get(parent.pid)?.memoryBytes ?? 0) > 180 * 1024 * 1024, JSON.stringify([...usages]));
});
