/**
 * The shared runtime of a home: `runtime/<version>/` with the node binary and the packages Brocas use. It is
 * made once, from the installation Animus runs from, and never changed: a reinstall of Animus adds a version
 * and pulls nothing from under a running Broca. Files are hard-linked where the file system allows it. One of
 * which files are gone or damaged is made again, in the same place.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { findDependencies, type PlacedPackage } from './dependencies.ts';
import type { Installation } from './installation.ts';
import { makePrivateFolder, writeNewPrivateFile } from './modes.ts';
import { homePaths } from './paths.ts';
import { type Runtime, runtimePaths } from './release-file.ts';
import { makeStage } from './stage.ts';

/** A runtime's name: what makes two of them different is in it. */
function runtimeVersion(installation: Installation, packages: readonly PlacedPackage[]): string {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n`);
  for (const each of packages) hash.update(`${each.place} ${each.name}@${each.version}\n`);
  return `${installation.version}-node${installation.node.version}-${hash.digest('hex').slice(0, 10)}`;
}

export type EnsuredRuntime = Runtime & {
  /** `again`: one stood there that lacked something. Null: it was there, whole. */
  made: 'new' | 'again' | null;
};

/** Gives the home's runtime for this installation; makes it when it is not there yet, or not whole. */
export function ensureRuntime(home: string, installation: Installation): EnsuredRuntime {
  const packages = findDependencies(installation.root, ['broca-core', 'broca-telegram']);
  const runtime = runtimePaths(home, runtimeVersion(installation, packages));
  const files = [...filesOf(installation, packages)];
  if (findLack(runtime, files) === null) return { ...runtime, made: null };
  const { runtimes } = homePaths(home);
  makePrivateFolder(runtimes);
  using stage = makeStage(runtimes, 'runtime');
  for (const { from, to } of files) {
    fs.mkdirSync(path.dirname(path.join(stage.folder, to)), { recursive: true });
    linkOrCopy(from, path.join(stage.folder, to));
  }
  writeNewPrivateFile(path.join(stage.folder, DESCRIPTION), describeRuntime(runtime.version, installation, packages));
  const isAgain = fs.existsSync(runtime.folder);
  using former = isAgain ? makeStage(runtimes, 'runtime-former') : null;
  // A Broca that runs goes on: what it has open stays until it closes it.
  if (former !== null) fs.renameSync(runtime.folder, path.join(former.folder, runtime.version));
  // False when another deploy made the same one meanwhile: then theirs is as good.
  stage.moveTo(runtime.folder);
  return { ...runtime, made: isAgain ? 'again' : 'new' };
}

/** What this installation's runtime lacks in this home, as a path in it; null when it is whole. */
export function findRuntimeLack(home: string, installation: Installation): { version: string; lack: string | null } {
  const packages = findDependencies(installation.root, ['broca-core', 'broca-telegram']);
  const runtime = runtimePaths(home, runtimeVersion(installation, packages));
  return { version: runtime.version, lack: findLack(runtime, filesOf(installation, packages)) };
}

const DESCRIPTION = 'runtime.json';

/** `to`: below the runtime's folder. */
type RuntimeFile = { from: string; to: string };

function findLack(runtime: Runtime, files: Iterable<RuntimeFile>): string | null {
  if (!fs.existsSync(path.join(runtime.folder, DESCRIPTION))) return DESCRIPTION;
  for (const { from, to } of files) if (!isSameFile(from, path.join(runtime.folder, to))) return to;
  return null;
}

const CHUNK = 1024 * 1024;

/** Mostly they are one file under two names; else each byte is compared (160 MB, where links could not be made). */
function isSameFile(a: string, b: string): boolean {
  const [ofA, ofB] = [fs.statSync(a), fs.statSync(b, { throwIfNoEntry: false })];
  if (ofB?.isFile() !== true || ofA.size !== ofB.size) return false;
  if (ofA.ino === ofB.ino && ofA.dev === ofB.dev) return true;
  const [openA, openB] = [fs.openSync(a, 'r'), fs.openSync(b, 'r')];
  try {
    const [chunkA, chunkB] = [Buffer.alloc(CHUNK), Buffer.alloc(CHUNK)];
    for (let at = 0; at < ofA.size; at += CHUNK) {
      const [readA, readB] = [fs.readSync(openA, chunkA, 0, CHUNK, at), fs.readSync(openB, chunkB, 0, CHUNK, at)];
      if (readA !== readB || !chunkA.subarray(0, readA).equals(chunkB.subarray(0, readB))) return false;
    }
    return true;
  } finally {
    for (const each of [openA, openB]) fs.closeSync(each);
  }
}

function* filesOf(installation: Installation, packages: readonly PlacedPackage[]): Generator<RuntimeFile> {
  yield { from: fs.realpathSync(installation.node.binary), to: 'bin/node' };
  for (const each of packages) yield* packageFiles(each.folder, path.join('node_modules', each.place));
}

/** A package's own files; what lies in its node_modules is placed by itself. */
function* packageFiles(from: string, to: string): Generator<RuntimeFile> {
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    if (entry.name === 'node_modules') continue;
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (entry.isDirectory()) yield* packageFiles(source, target);
    else if (entry.isFile()) yield { from: source, to: target };
  }
}

function describeRuntime(version: string, installation: Installation, packages: readonly PlacedPackage[]): string {
  const listed = Object.fromEntries(packages.map((each) => [each.place, each.version]));
  return `${JSON.stringify({ version, animus: installation.version, node: installation.node.version, packages: listed }, null, 2)}\n`;
}

/** Another file system (EXDEV), too many links (EMLINK) or somebody else's file (EPERM, EACCES) takes a copy. */
function linkOrCopy(from: string, to: string): void {
  try {
    fs.linkSync(from, to);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    if (code !== 'EXDEV' && code !== 'EMLINK' && code !== 'EPERM' && code !== 'EACCES' && code !== 'ENOTSUP') throw error;
    fs.copyFileSync(from, to, fs.constants.COPYFILE_EXCL | fs.constants.COPYFILE_FICLONE);
  }
}
