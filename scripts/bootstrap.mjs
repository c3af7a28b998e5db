/**
 * First step of every npm script: installs what package-lock.json says when it is not installed, and
 * builds dist/ when sources changed. Runs on the machine's own Node (18 or newer), before anything of
 * ours is installed, so it needs no package. What comes after it in the npm script runs on the pinned
 * Node, `node_modules/node/bin/node`.
 *
 *     node scripts/bootstrap.mjs [--no-build]
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './bootstrap/lock.mjs';
import { sourcesDigest } from './bootstrap/sources.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const nodeBinary = path.join(root, 'node_modules/node/bin/node');

class BootstrapError extends Error {}

function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(path.join(root, file), 'utf8'));
  } catch {
    return null;
  }
}

/**
 * Whether node_modules holds exactly what package-lock.json says. npm leaves its own record of what it
 * installed; packages for other platforms are optional and absent from it.
 */
function isInstalled() {
  const wanted = readJson('package-lock.json')?.packages;
  const found = readJson('node_modules/.package-lock.json')?.packages;
  if (!wanted) throw new BootstrapError('package-lock.json is missing or cannot be read; restore it with `git checkout package-lock.json`');
  if (!found || !fs.existsSync(nodeBinary)) return false;
  return Object.entries(wanted).every(([name, want]) => {
    if (name === '') return true;
    const have = found[name];
    if (!have) return want.optional === true;
    return have.version === want.version && have.integrity === want.integrity && have.link === want.link;
  });
}

/** Runs npm with its output shown; npm's own script environment is passed on as it is. */
function npm(args, cwd = root) {
  const inside = process.env.npm_execpath;
  const [command, first] = inside?.endsWith('.js') ? [process.execPath, [inside]] : ['npm', []];
  return spawnSync(command, [...first, ...args], { cwd, stdio: ['ignore', 2, 2] }).status === 0;
}

function install() {
  note('installing what package-lock.json names (once; `npm ci`)');
  if (!npm(['ci', '--no-audit', '--no-fund'])) {
    throw new BootstrapError('`npm ci` failed; what npm wrote above says why. Nothing else was changed.');
  }
  if (!runs(nodeBinary)) fetchNode();
}

function runs(binary) {
  return spawnSync(binary, ['--version'], { stdio: 'ignore' }).status === 0;
}

/**
 * The `node` package fetches its binary in an install script, which npm may have been told not to run
 * (`ignore-scripts`, an npm that wants approval). The binary is a package of its own: take it from there.
 */
function fetchNode() {
  const version = readJson('node_modules/node/package.json')?.version;
  const name = `node-${os.platform() === 'darwin' && os.arch() === 'arm64' ? 'bin-' : ''}${os.platform()}-${os.arch()}`;
  note(`npm ran no install script for node; taking its binary from ${name}@${version}`);
  const folder = fs.mkdtempSync(path.join(root, 'node_modules/.node-'));
  try {
    fs.writeFileSync(path.join(folder, 'package.json'), '{"private":true}');
    const fetched = npm(
      ['install', '--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', folder, `${name}@${version}`],
      folder,
    );
    const binary = path.join(folder, 'node_modules', name, 'bin/node');
    if (!fetched || !runs(binary)) {
      throw new BootstrapError(
        `no working Node ${version} for ${os.platform()} ${os.arch()}: the package ${name} could not be fetched or does not run here`,
      );
    }
    fs.mkdirSync(path.dirname(nodeBinary), { recursive: true });
    fs.renameSync(binary, nodeBinary);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

function isBuilt() {
  return readJson('dist/build.json')?.sources === sourcesDigest(root);
}

function build() {
  note('building dist/');
  const done = spawnSync(nodeBinary, [path.join(root, 'scripts/build.ts')], { cwd: root, stdio: ['ignore', 2, 2] });
  if (done.status !== 0) throw new BootstrapError('the build failed; what it wrote above says where');
}

function note(text) {
  process.stderr.write(`animus: ${text}\n`);
}

async function main() {
  if (os.platform() === 'win32') throw new BootstrapError('Windows is not supported. Use Linux, macOS or WSL.');
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 18)
    throw new BootstrapError(
      `Node ${process.versions.node} is too old to install with; Node 18 or newer is needed (any: the right one is then installed here)`,
    );
  const wantsBuild = !process.argv.includes('--no-build');
  const isReady = () => isInstalled() && (!wantsBuild || isBuilt());
  if (isReady()) return;
  await withLock(path.join(root, '.bootstrap.lock'), note, () => {
    if (!isInstalled()) install();
    if (wantsBuild && !isBuilt()) build();
  });
}

try {
  await main();
} catch (error) {
  if (!(error instanceof BootstrapError)) throw error;
  note(error.message);
  process.exitCode = 1;
}
