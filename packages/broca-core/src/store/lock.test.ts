import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { takeLock } from './lock.ts';

test('the lock of a process that was killed is free at once', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'broca-lock-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'lock');
  const holder = spawn(process.execPath, [join(import.meta.dirname, 'lock-holder.fixture.ts'), file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => holder.kill('SIGKILL'));
  await once(holder.stdout, 'data');
  assert.equal(takeLock(file, 0), null);

  holder.kill('SIGKILL');
  await once(holder, 'exit');
  const lock = takeLock(file, 0);
  assert.ok(lock);
  assert.equal(takeLock(file, 0), null, 'it is ours now, also within one process');
  lock.release();
  const again = takeLock(file, 0);
  assert.ok(again);
  again.release();
});
