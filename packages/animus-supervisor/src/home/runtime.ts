/**
 * The shared runtime of a home: `runtime/<version>/` with the node binary and the packages Brocas use. It is
 * made once, from the installation Animus runs from, and never changed: a reinstall of Animus adds a version
 * and pulls nothing from under a running Broca. Files are hard-linked where the file system allows it.
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
  return `${installation.version}-node${installation.node.version.replace(/^v/, '')}-${hash.digest('hex').slice(0, 10)}`;
}

/** Gives the home's runtime for this installation and makes it when it is not there yet. */
export function ensureRuntime(home: string, installation: Installation): Runtime {
  const packages = findDependencies(installation.root, ['broca-core', 'broca-telegram']);
  const runtime = runtimePaths(home, runtimeVersion(installation, packages));
  if (isComplete(runtime)) return runtime;
  makePrivateFolder(homePaths(home).runtimes);
  using stage = makeStage(homePaths(home).runtimes, 'runtime');
  fs.mkdirSync(path.join(stage.folder, 'bin'));
  linkOrCopy(fs.realpathSync(installation.node.binary), path.join(stage.folder, 'bin/node'));
  for (const each of packages) linkPackage(each.folder, path.join(stage.folder, 'node_modules', each.place));
  writeNewPrivateFile(path.join(stage.folder, 'runtime.json'), describeRuntime(runtime.version, installation, packages));
  // False when another deploy made the same one meanwhile: then theirs is as good.
  stage.moveTo(runtime.folder);
  return runtime;
}

function isComplete(runtime: Runtime): boolean {
  return fs.existsSync(path.join(runtime.folder, 'runtime.json'));
}

function describeRuntime(version: string, installation: Installation, packages: readonly PlacedPackage[]): string {
  const listed = Object.fromEntries(packages.map((each) => [each.place, each.version]));
  return `${JSON.stringify({ version, animus: installation.version, node: installation.node.version, packages: listed }, null, 2)}\n`;
}

/** A package's own files; what lies in its node_modules is placed by itself. */
function linkPackage(from: string, to: string): void {
  fs.mkdirSync(to, { recursive: true });
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    if (entry.name === 'node_modules') continue;
    const source = path.join(from, entry.name);
    const target = path.join(to, entry.name);
    if (entry.isDirectory()) linkPackage(source, target);
    else if (entry.isFile()) linkOrCopy(source, target);
  }
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
