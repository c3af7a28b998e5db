import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { writeFiles } from 'animus-testkit';
import { findDependencies } from './dependencies.ts';

type Tree = Record<string, { version?: string; needs?: string[]; wants?: string[] }>;

/** Makes folders with a package.json each; `needs` are dependencies, `wants` optional ones. */
function inTree(tree: Tree, work: (root: string) => void): void {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'dependencies-'));
  try {
    for (const [folder, { version = '1.0.0', needs = [], wants = [] }] of Object.entries(tree)) {
      const all = (names: string[]): Record<string, string> => Object.fromEntries(names.map((name) => [name, '*']));
      const manifest = {
        name: folder.split('/node_modules/').at(-1)?.replace('packages/', ''),
        version,
        dependencies: all(needs),
        optionalDependencies: all(wants),
      };
      writeFiles(root, { [`${folder}/package.json`]: JSON.stringify(manifest) });
    }
    work(root);
  } finally {
    fs.rmSync(root, { recursive: true, force: true });
  }
}

function placesOf(root: string): string[] {
  return findDependencies(root, ['broca-core']).map(({ place, version }) => `${place}@${version}`);
}

describe('findDependencies', () => {
  it('follows our own packages to what they need, and leaves the rest', () => {
    const tree: Tree = {
      'packages/broca-core': { needs: ['protocol', 'a'] },
      'packages/protocol': { needs: ['b'] },
      'packages/telegram': { needs: ['c'] },
      'x/node_modules/a': {},
      'x/node_modules/b': { needs: ['d'] },
      'x/node_modules/c': {},
      'x/node_modules/d': { needs: ['b'] },
    };
    inTree(tree, (root) => {
      fs.renameSync(path.join(root, 'x/node_modules'), path.join(root, 'node_modules'));
      assert.deepEqual(placesOf(root), ['a@1.0.0', 'b@1.0.0', 'd@1.0.0']);
    });
  });

  it('puts a second version where only who needs it finds it', () => {
    const tree: Tree = {
      'packages/broca-core': { needs: ['a', 'b'] },
      'x/node_modules/a': { needs: ['b'] },
      'x/node_modules/a/node_modules/b': { version: '2.0.0', needs: ['c'] },
      'x/node_modules/b': {},
      'x/node_modules/c': { needs: ['b'] },
    };
    inTree(tree, (root) => {
      fs.renameSync(path.join(root, 'x/node_modules'), path.join(root, 'node_modules'));
      assert.deepEqual(placesOf(root), ['a@1.0.0', 'a/node_modules/b@2.0.0', 'b@1.0.0', 'c@1.0.0']);
    });
  });

  it('takes an optional package when it is there, and names a needed one that is not', () => {
    inTree({ 'packages/broca-core': { wants: ['gone'] } }, (root) => assert.deepEqual(placesOf(root), []));
    inTree({ 'packages/broca-core': { needs: ['gone-package-of-a-test'] } }, (root) => {
      assert.throws(() => placesOf(root), /gone-package-of-a-test is not installed, and .*broca-core needs it/);
    });
  });

  it('takes all that Broca needs from this checkout', () => {
    const root = path.join(import.meta.dirname, '../../../..');
    const names = findDependencies(root, ['broca-core']).map(({ name }) => name);
    for (const name of ['better-sqlite3', 'pino', 'valibot', '@letta-ai/letta-client']) assert.ok(names.includes(name), name);
    assert.ok(!names.includes('esbuild'));
  });
});
