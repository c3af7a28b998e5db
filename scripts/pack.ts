/**
 * Makes animus-<version>.tgz, which `npm install -g` takes on a machine without a checkout: the built
 * programs, the sources that an agent's clone is made from, and dependencies that bring Node and esbuild.
 * The folders in it are those of a checkout, so both are found in the same way.
 *
 *     npm run pack [-- --to FOLDER]
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { installedPackage } from './pack/installed-package.ts';
import { isShipped } from './pack/shipped.ts';

const root = path.dirname(import.meta.dirname);
const { values } = parseArgs({ options: { to: { type: 'string', default: root } } });

function pack(stage: string): string {
  const filter = (file: string) => isShipped(path.relative(root, file));
  for (const name of fs.readdirSync(root).filter(isShipped))
    fs.cpSync(path.join(root, name), path.join(stage, name), { recursive: true, filter });
  fs.writeFileSync(path.join(stage, 'package.json'), `${JSON.stringify(installedPackage(root), null, 2)}\n`);
  const npm = process.env['npm_execpath']?.endsWith('npm-cli.js') === true ? [process.env['npm_execpath'], ...PACK] : PACK;
  const command = npm === PACK ? 'npm' : process.execPath;
  const done = spawnSync(command, [...npm, '--pack-destination', path.resolve(values.to)], {
    cwd: stage,
    stdio: ['ignore', 'pipe', 2],
    encoding: 'utf8',
  });
  if (done.status !== 0) throw new Error('npm pack failed; what it wrote above says why');
  return path.join(path.resolve(values.to), done.stdout.trim().split('\n').at(-1) ?? '');
}

const PACK = ['pack', '--ignore-scripts', '--loglevel=error'];
const stage = fs.mkdtempSync(path.join(os.tmpdir(), 'animus-pack-'));
try {
  console.log(pack(stage));
} finally {
  fs.rmSync(stage, { recursive: true, force: true });
}
