import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openInHand } from './in-hand.ts';

test('what was in hand is there after the process ended, and nothing after it was let go', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'broca-in-hand-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'in-hand');
  const first = openInHand(file);
  assert.deepEqual(first.left(), []);
  first.take([123456, 7, 8]);
  assert.deepEqual(openInHand(file).left(), [123456, 7, 8]);
  first.take([9]);
  const second = openInHand(file);
  assert.deepEqual(second.left(), [9], 'what a longer line left behind does not count');
  second.letGo();
  assert.deepEqual(openInHand(file).left(), []);
  assert.deepEqual(second.left(), [], 'a crash is counted once');
});

test('rubbish in the file, or no way to write it, suspects nobody and stops nothing', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'broca-in-hand-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'in-hand');
  writeFileSync(file, 'what 1e400 -3 0 12 0x1\0');
  assert.deepEqual(openInHand(file).left(), [12]);
  mkdirSync(join(folder, 'taken'));
  for (const impossible of [join(folder, 'taken'), join(folder, 'nowhere/in-hand')]) {
    const inHand = openInHand(impossible);
    inHand.take([1]);
    inHand.letGo();
    assert.deepEqual(inHand.left(), []);
  }
});
