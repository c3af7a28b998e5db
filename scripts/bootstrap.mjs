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
  if (!found) return false;
  return Object.entries(wanted).every(([name, want]) => {
    if (name === '') return true;
    const have = found[name];
    if (!have) return want.optional === true;
    return have.version === want.version && have.integrity === want.integrity && have.link === want.link;
  });
}

/** Runs npm (the one that runs us, if it does) with its output on stderr. */
function npm(args, cwd = root) {
  const outer = process.env.npm_execpath ?? '';
  const [command, first] = outer.endsWith('npm-cli.js') ? [process.execPath, [outer]] : ['npm', []];
  return (
    spawnSync(command, [...first, ...args, '--no-audit', '--no-fund', '--ignore-scripts'], { cwd, stdio: ['ignore', 2, 2] }).status === 0
  );
}

function install() {
  note('installing what package-lock.json names (`npm ci`)');
  // npm warns of packages that want a newer Node than the machine's; they run on the pinned one.
  if (npm(['ci', '--loglevel=error'])) return;
  throw new BootstrapError('`npm ci` failed; what npm wrote above says why');
}

function isNodeThere() {
  const version = readJson('node_modules/node/package.json')?.version;
  return version !== undefined && readJson('node_modules/node/bin/version.json')?.version === version && fs.existsSync(nodeBinary);
}

function runs(binary) {
  return spawnSync(binary, ['--version'], { stdio: 'ignore' }).status === 0;
}

/**
 * Puts the pinned Node's binary where the package `node` would put it by its install script, which npm
 * does not run (.npmrc). It is in the package of this platform: from package-lock.json, or fetched.
 */
function placeNode() {
  const version = readJson('node_modules/node/package.json')?.version;
  const name = `node-${os.platform() === 'darwin' && os.arch() === 'arm64' ? 'bin-' : ''}${os.platform()}-${os.arch()}`;
  const locked = path.join(root, 'node_modules', name);
  if (readJson(`node_modules/${name}/package.json`)?.version === version) return adoptNode(path.join(locked, 'bin/node'), version, name);
  note(`fetching Node ${version} (${name})`);
  const folder = fs.mkdtempSync(path.join(root, 'node_modules/.node-'));
  try {
    fs.writeFileSync(path.join(folder, 'package.json'), '{"private":true}');
    npm(['install', '--no-save', '--loglevel=error', `${name}@${version}`], folder);
    adoptNode(path.join(folder, 'node_modules', name, 'bin/node'), version, name);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

function adoptNode(binary, version, name) {
  if (!fs.existsSync(binary) || !runs(binary)) {
    throw new BootstrapError(
      `no Node ${version} that runs on this ${os.platform()} ${os.arch()}: the package ${name} is missing or its binary does not start`,
    );
  }
  fs.mkdirSync(path.dirname(nodeBinary), { recursive: true });
  fs.rmSync(`${nodeBinary}.new`, { force: true });
  fs.linkSync(binary, `${nodeBinary}.new`);
  fs.renameSync(`${nodeBinary}.new`, nodeBinary);
  fs.writeFileSync(path.join(path.dirname(nodeBinary), 'version.json'), `${JSON.stringify({ version })}\n`);
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
  const isReady = () => isInstalled() && isNodeThere() && (!wantsBuild || isBuilt());
  if (isReady()) return;
  await withLock(path.join(root, '.bootstrap.lock'), note, () => {
    if (!isInstalled()) install();
    if (!isNodeThere()) placeNode();
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
