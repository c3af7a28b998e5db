import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { boundOutput, readLastWords } from './output.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'output-'));
after(() => rmSync(folder, { recursive: true }));

test('output beyond its bound is begun anew; its end is kept, and who prints goes on in the same file', () => {
  const file = path.join(folder, 'output.log');
  const printing = openSync(file, 'a', 0o600);
  writeSync(printing, 'first line\n'.repeat(20));
  assert.equal(boundOutput(file, 1_000), false);
  writeSync(printing, `${'x'.repeat(1_000)}the end\n`);
  assert.equal(boundOutput(file, 1_000), true);
  writeSync(printing, 'after\n');
  closeSync(printing);
  assert.equal(readFileSync(file, 'utf8'), 'after\n');
  const kept = readFileSync(`${file}.1`, 'utf8');
  assert.equal(kept.length, 1_000);
  assert.match(kept, /the end\n$/);
  assert.equal(statSync(`${file}.1`).mode & 0o777, 0o600);
  assert.equal(readLastWords(file, 1_200), 'after');
});

test('only a file of the agent itself is cut', () => {
  const foreign = path.join(folder, 'foreign.txt');
  writeFileSync(foreign, 'y'.repeat(2_000));
  const link = path.join(folder, 'link.log');
  symlinkSync(foreign, link);
  assert.equal(boundOutput(link, 1_000), false);
  assert.equal(boundOutput(path.join(folder, 'none.log'), 1_000), false);
  assert.equal(statSync(foreign).size, 2_000);
});
