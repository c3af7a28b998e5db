/** Digest of everything that dist/ is made from; the build writes it down, and bootstrap compares. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

const FILES = ['package-lock.json', 'scripts/build.ts', 'tsconfig.base.json'];

export function sourcesDigest(root) {
  const hash = createHash('sha256');
  for (const file of [...FILES, ...sourceFiles(root)]) {
    hash.update(`${file}\0`);
    hash.update(fs.readFileSync(path.join(root, file)));
  }
  return hash.digest('hex');
}

function sourceFiles(root) {
  const found = [];
  const packages = fs.readdirSync(path.join(root, 'packages')).sort();
  for (const name of packages) walk(root, `packages/${name}/src`, found);
  return found;
}

function walk(root, folder, found) {
  const entries = fs.existsSync(path.join(root, folder)) ? fs.readdirSync(path.join(root, folder), { withFileTypes: true }) : [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const name = `${folder}/${entry.name}`;
    if (entry.isDirectory()) walk(root, name, found);
    else if (!entry.name.endsWith('.test.ts')) found.push(name);
  }
}
