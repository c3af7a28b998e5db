/**
 * Git repositories for tests of deploy. `snapshotRepository` is today's working tree as a repository, so that a
 * deploy in a test builds the code under test and not HEAD; `standInRepository` is the smallest one that deploy takes.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

const AUTHOR = ['-c', 'user.name=Test', '-c', 'user.email=test@localhost', '-c', 'commit.gpgSign=false'];

/** Runs git in a folder and gives its output. Throws with git's complaint when it fails. */
export function runGit(folder: string, args: readonly string[]): string {
  return execFileSync('git', [...AUTHOR, ...args], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

/** Writes files below a folder, making the folders between. */
export function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(folder, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  }
}

/** Commits everything in a folder as a repository of its own and gives the commit. */
export function commitAll(folder: string, message: string): string {
  if (!fs.existsSync(path.join(folder, '.git'))) runGit(folder, ['init', '--quiet', '--template=', '--initial-branch=main']);
  runGit(folder, ['add', '--all']);
  runGit(folder, ['commit', '--quiet', '--message', message]);
  return runGit(folder, ['rev-parse', 'HEAD']);
}

/** Snapshots nobody asked for this long are deleted when a new one is made; no run of tests takes as long. */
const UNUSED_MS = 3_600_000;

/** What no Broca is built from: a test's clone has half the files without it, and is not made anew when only a test has changed. */
const NOT_BUILT = /\.(test|fixture)\.ts$|^(test|docs|scripts)\/|^packages\/testkit\//;

/**
 * The working tree around `root` (tracked and untracked files, ignored ones not) as a repository, as far as a Broca is built
 * from it. Made once for each content and kept in node_modules/.cache, so that all test files of a run share it. It is not to
 * be changed.
 */
export function snapshotRepository(root: string): string {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], { cwd: root, encoding: 'utf8' });
  const names = listed.split('\0').filter((name) => name !== '' && !NOT_BUILT.test(name) && fs.existsSync(path.join(root, name)));
  const hash = createHash('sha256');
  for (const name of names.sort())
    hash
      .update(`${name}\0`)
      .update(fs.readFileSync(path.join(root, name)))
      .update('\0');
  const cache = path.join(root, 'node_modules/.cache/animus-snapshots');
  const target = path.join(cache, hash.digest('hex').slice(0, 16));
  if (fs.existsSync(target)) {
    fs.utimesSync(target, new Date(), new Date());
    return target;
  }
  fs.mkdirSync(cache, { recursive: true });
  dropUnused(cache, Date.now());
  const stage = fs.mkdtempSync(`${target}-`);
  for (const name of names) {
    fs.mkdirSync(path.dirname(path.join(stage, name)), { recursive: true });
    fs.copyFileSync(path.join(root, name), path.join(stage, name));
  }
  commitAll(stage, 'Working tree');
  moveUnlessThere(stage, target);
  return target;
}

function dropUnused(cache: string, now: number): void {
  for (const name of fs.readdirSync(cache)) {
    const folder = path.join(cache, name);
    if (now - (fs.statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? now) > UNUSED_MS)
      fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Another test file may have made the same one meanwhile. */
function moveUnlessThere(stage: string, target: string): void {
  try {
    fs.renameSync(stage, target);
  } catch (error) {
    fs.rmSync(stage, { recursive: true, force: true });
    if (!fs.existsSync(target)) throw error;
  }
}

const STAND_IN: Readonly<Record<string, string>> = {
  'package.json': '{ "name": "stand-in", "version": "9.9.9", "type": "module" }\n',
  '.gitignore': 'node_modules/\n',
  'packages/animus-protocol/package.json': '{ "name": "animus-protocol", "version": "9.9.9", "type": "module" }\n',
  'packages/animus-protocol/src/index.ts': "export const origin: string = 'the clone';\n",
  'packages/broca-core/package.json': '{ "name": "broca-core", "version": "9.9.9", "type": "module" }\n',
  'templates/env': '# An agent\nAGENT_ID=\nAGENT_ENDPOINT=https://your-letta-instance.com\nAGENT_API_KEY=\n# The end\n',
  'templates/settings.json': '{\n  "message_processing": { "mode": "echo" }\n}\n',
};

/** A repository shaped as ours, with the Broca of stand-in/broca.ts. `files` are added to it or replace its own. */
export function standInRepository(folder: string, files: Readonly<Record<string, string>> = {}): string {
  const main = fs.readFileSync(path.join(import.meta.dirname, 'stand-in/broca.ts'), 'utf8');
  writeFiles(folder, { ...STAND_IN, 'packages/broca-core/src/main.ts': main, ...files });
  commitAll(folder, 'Stand-in');
  return folder;
}
