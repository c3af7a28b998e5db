import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { VERSION } from './version.ts';

test('every package.json says the version the programs say', () => {
  const root = join(import.meta.dirname, '../../..');
  const files = ['package.json', ...globSync('packages/*/package.json', { cwd: root })];
  assert.ok(files.length > 4);
  for (const file of files) {
    const { version } = JSON.parse(readFileSync(join(root, file), 'utf8')) as { version: unknown };
    assert.equal(version, VERSION, file);
  }
});
