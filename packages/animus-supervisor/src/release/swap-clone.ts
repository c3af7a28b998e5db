/**
 * The agent's clone, made anew beside the old one (`.update/clone`) and put in its place by renames: a kill leaves
 * one of the two whole. Whoever edited the old one in between finds it beside the new one.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { AgentPaths } from '../home/paths.ts';

/** Copies the clone with all that is in it: history, own branches, edits, ignored files. Gives what it looked like. */
export function copyClone(agent: AgentPaths, to: string): string {
  const before = describeClone(agent.clone);
  fs.cpSync(agent.clone, to, {
    recursive: true,
    verbatimSymlinks: true,
    preserveTimestamps: true,
    mode: fs.constants.COPYFILE_FICLONE,
    // Sockets, pipes and the like are no files of anybody's.
    filter: (file) => isPlain(fs.lstatSync(file)),
  });
  return before;
}

/** Puts `.update/clone` in the place of the clone. Gives where the old one is kept, when it is not what it was copied from. */
export function swapClone(agent: AgentPaths, looked: string | null, at: string): string | null {
  const next = path.join(agent.update, 'clone');
  const former = path.join(agent.update, 'former');
  if (looked === null || !fs.existsSync(next)) return null;
  let aside: string | null = null;
  if (fs.existsSync(agent.clone)) {
    const isUntouched = describeClone(agent.clone) === looked;
    aside = isUntouched ? null : path.join(agent.folder, `broca.before-${at.replaceAll(':', '')}`);
    fs.renameSync(agent.clone, aside ?? former);
  }
  fs.renameSync(next, agent.clone);
  return aside;
}

/** A hash over names, sizes and times of the files and over what git calls its history: it changes with any edit or commit. */
function describeClone(clone: string): string {
  const hash = createHash('sha256');
  for (const name of listFiles(clone, '')) {
    const stat = fs.lstatSync(path.join(clone, name));
    hash.update(`${name}\0${stat.size} ${stat.mtimeMs} ${stat.mode}\n`);
  }
  return hash.digest('hex');
}

/** Of `.git` only what a commit, a branch or a stash changes: looking alone rewrites its index. */
const HISTORY = new Set(['HEAD', 'refs', 'packed-refs', 'config']);

function* listFiles(root: string, below: string): Generator<string> {
  const entries = fs.readdirSync(path.join(root, below), { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    if (entry.name === 'node_modules' || (below === '.git' && !HISTORY.has(entry.name))) continue;
    const name = path.join(below, entry.name);
    if (entry.isDirectory()) yield* listFiles(root, name);
    else yield name;
  }
}

function isPlain(stat: fs.Stats): boolean {
  return stat.isFile() || stat.isDirectory() || stat.isSymbolicLink();
}
