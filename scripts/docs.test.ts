import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { helpOf, renewDocs } from './docs.ts';

const CLI_PAGE = fs.readFileSync(path.join(import.meta.dirname, '../docs/cli.md'), 'utf8');

test('what docs/ say of --help and of configuration keys is what the programs say (npm run generate mends it)', async () => {
  assert.deepEqual(await renewDocs({ isWritten: false }), []);
});

test('docs/cli.md has a section for every command of animus and of broca', async () => {
  const [animus, broca] = await Promise.all([helpOf('animus'), helpOf('broca')]);
  const commands = [
    ...[...animus.matchAll(/^(\w[\w-]*) {2,}\S/gm)].map(([, name]) => `animus ${name}`),
    ...[...broca.matchAll(/^ {2}broca ([\w-]+)/gm)].map(([, name]) => `broca ${name}`),
  ];
  assert.ok(commands.includes('animus deploy') && commands.includes('broca queue'), 'the commands were found in the help');
  const missing = commands.filter((command) => !CLI_PAGE.includes(`\n### ${command}\n`));
  assert.deepEqual(missing, []);
});
