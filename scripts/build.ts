/** Bundles the programs into dist/. Each file is put in place by a rename; a running program keeps what it has. */
import fs from 'node:fs';
import path from 'node:path';
import { type BuildFailure, build } from 'esbuild';
import { BROCA_ENTRIES, bundleOptions } from '../packages/animus-supervisor/src/home/bundle.ts';
import { sourcesDigest } from './bootstrap/sources.mjs';

const ENTRIES: Record<string, string> = {
  animus: 'packages/animus-supervisor/src/cli/main.ts',
  supervisor: 'packages/animus-supervisor/src/main.ts',
  'letta-simulator': 'packages/testkit/src/letta-simulator/main.ts',
};
/** A running supervisor may load a chunk of the build it was started from as late as this. */
const KEEP_OLD_CHUNKS_MS = 7 * 24 * 3_600_000;

const root = path.dirname(import.meta.dirname);
const dist = path.join(root, 'dist');

/** Moves every file of `from` to the same place in `to`, entries last: they name chunks that must be there. */
function moveInto(from: string, to: string): Set<string> {
  const files = fs
    .readdirSync(from, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(from, path.join(entry.parentPath, entry.name)))
    .sort((a, b) => Number(b.startsWith('chunks/')) - Number(a.startsWith('chunks/')));
  for (const file of files) {
    fs.mkdirSync(path.dirname(path.join(to, file)), { recursive: true });
    fs.renameSync(path.join(from, file), path.join(to, file));
  }
  return new Set(files);
}

function dropOldChunks(kept: Set<string>, now: number): void {
  const folder = path.join(dist, 'chunks');
  for (const name of fs.existsSync(folder) ? fs.readdirSync(folder) : []) {
    const file = path.join(folder, name);
    if (!kept.has(`chunks/${name}`) && now - fs.statSync(file).mtimeMs > KEEP_OLD_CHUNKS_MS) fs.rmSync(file);
  }
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error;
}

const sources = sourcesDigest(root);
fs.mkdirSync(dist, { recursive: true });
const staging = fs.mkdtempSync(path.join(dist, '.new-'));
try {
  const common = { source: root, outFolder: staging, packageFolders: [], plugins: [] };
  await build({ ...bundleOptions({ ...common, entries: ENTRIES, splitting: true }), logLevel: 'error' });
  await build({ ...bundleOptions({ ...common, entries: BROCA_ENTRIES, splitting: false }), logLevel: 'error' });
  const kept = moveInto(staging, dist);
  dropOldChunks(kept, Date.now());
  fs.rmSync(path.join(dist, '.cache'), { recursive: true, force: true });
  fs.writeFileSync(path.join(dist, 'build.json'), `${JSON.stringify({ sources })}\n`);
} catch (error) {
  // esbuild has shown its errors already, with the lines they are about.
  if (!isBuildFailure(error)) throw error;
  process.exitCode = 1;
} finally {
  fs.rmSync(staging, { recursive: true, force: true });
}
