import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isOlderVersion, VERSION } from './version.ts';

test('every package.json says the version the programs say', () => {
  const root = join(import.meta.dirname, '../../..');
  const files = ['package.json', ...globSync('packages/*/package.json', { cwd: root })];
  assert.ok(files.length > 4);
  for (const file of files) {
    const { version } = JSON.parse(readFileSync(join(root, file), 'utf8')) as { version: unknown };
    assert.equal(version, VERSION, file);
  }
});

test('versions are compared part by part, as numbers; what is no version is neither older nor newer', () => {
  for (const [one, other] of [
    ['0.1.0', '0.2.0'],
    ['0.9.0', '0.10.0'],
    ['1.9.9', '2.0.0'],
    ['1.0.0', '1.0.1'],
  ] as const) {
    assert.equal(isOlderVersion(one, other), true, `${one} ${other}`);
    assert.equal(isOlderVersion(other, one), false, `${other} ${one}`);
  }
  assert.equal(isOlderVersion('1.0.0', '1.0.0'), false);
  assert.equal(isOlderVersion('0-test', '1.0.0'), false);
});
