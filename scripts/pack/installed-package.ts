/** The package.json of an installed Animus: one package in place of the workspace and its packages. */
import fs from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { isShipped } from './shipped.ts';

const words = v.optional(v.record(v.string(), v.string()), {});
const manifest = v.object({ name: v.string(), version: v.string(), bin: words, dependencies: words, optionalDependencies: words });
type Manifest = v.InferOutput<typeof manifest>;

/**
 * Needs what our packages need, each exactly. Node comes as its platform packages: npm runs no install
 * script of a global install, and the package `node` would fetch its binary in one.
 */
export function installedPackage(root: string): object {
  const workspace = read(path.join(root, 'package.json'));
  const folders = fs.readdirSync(path.join(root, 'packages')).map((name) => `packages/${name}`);
  const ours = folders.filter(isShipped).map((folder) => ({ folder, ...read(path.join(root, folder, 'package.json')) }));
  const names = new Set(ours.map(({ name }) => name));
  const needed = ours.flatMap(({ dependencies }) => Object.entries(dependencies)).filter(([name]) => !names.has(name));
  const commands = ours.flatMap(({ folder, bin }) => Object.entries(bin).map(([name, file]) => [name, `${folder}/${file}`]));
  return {
    name: 'animus',
    version: workspace.version,
    description: "Runs many Letta agents' Brocas on one machine, each isolated, none of their messages lost.",
    license: 'MIT',
    type: 'module',
    os: ['linux', 'darwin'],
    bin: Object.fromEntries(commands),
    dependencies: Object.fromEntries(needed.toSorted()),
    optionalDependencies: workspace.optionalDependencies,
  };
}

function read(file: string): Manifest {
  return v.parse(manifest, JSON.parse(fs.readFileSync(file, 'utf8')));
}
