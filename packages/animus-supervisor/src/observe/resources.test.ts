import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { ResourceSampler } from './resources.ts';

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
  const sampler = new ResourceSampler();
  const usages = await sampler.sampleTrees([parent.pid, gone.pid ?? 0]);
  assert.deepEqual([...usages.keys()], [parent.pid]);
  // The program itself takes some 45 MB.
  const bytes = usages.get(parent.pid)?.memoryBytes ?? 0;
  assert.ok(bytes > 180 * 1024 * 1024 && bytes < 600 * 1024 * 1024, JSON.stringify([...usages]));
});

test('CPU is that of the time since the last sample', async () => {
  const sampler = new ResourceSampler();
  await sampler.sampleTrees([process.pid]);
  const [since, used] = [performance.now(), process.cpuUsage()];
  // 200 ms of work: the kernel counts in steps of 10.
  while (performance.now() - since < 50 || process.cpuUsage(used).user < 200_000);
  const worked = (await sampler.sampleTrees([process.pid])).get(process.pid)?.cpu ?? 0;
  const { user, system } = process.cpuUsage(used);
  const expected = (user + system) / (10 * (performance.now() - since));
  assert.ok(Math.abs(worked - expected) < 20, `${worked} %, where ${expected} % were used`);
});
