/**
 * The packages a Broca needs at run time, found as Node finds them, and where each belongs in a node_modules
 * of its own. It works for a checkout (workspaces, hoisted) and for an installed package (nested or hoisted).
 */
import fs from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';

export type PlacedPackage = {
  /** Path below the new node_modules: `yargs`, or `yargs/node_modules/cliui` when the top holds another version. */
  place: string;
  folder: string;
  name: string;
  version: string;
};

const manifest = v.object({
  name: v.string(),
  version: v.string(),
  dependencies: v.optional(v.record(v.string(), v.string()), {}),
  optionalDependencies: v.optional(v.record(v.string(), v.string()), {}),
});
type Manifest = v.InferOutput<typeof manifest>;

/** Throws when a needed package is not installed: the installation is broken and says which one is missing. */
export function findDependencies(root: string, packageNames: readonly string[]): PlacedPackage[] {
  const own = ownPackages(root);
  const placed = new Map<string, PlacedPackage>();
  const waiting: { place: string; folder: string }[] = [];
  for (const name of packageNames) {
    const folder = own.get(name);
    if (folder !== undefined) waiting.push({ place: '', folder });
  }
  const seen = new Set<string>();
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    if (seen.has(`${next.place}\0${next.folder}`)) continue;
    seen.add(`${next.place}\0${next.folder}`);
    const { dependencies, optionalDependencies } = readManifest(next.folder);
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const ownFolder = own.get(name);
      // Ours are bundled from the clone's own sources; only what they need is placed.
      if (ownFolder !== undefined) waiting.push({ place: '', folder: ownFolder });
      else waiting.push(...placeDependency(name, next, name in optionalDependencies, placed));
    }
  }
  return [...placed.values()].sort((a, b) => (a.place < b.place ? -1 : 1));
}

/** Places one dependency of `of` where Node will find it from there; gives it back when it is new. */
function placeDependency(
  name: string,
  of: { place: string; folder: string },
  isOptional: boolean,
  placed: Map<string, PlacedPackage>,
): PlacedPackage[] {
  const folder = resolvePackage(name, of.folder);
  if (folder === null) {
    if (isOptional) return [];
    throw new Error(`${name} is not installed, and ${of.folder} needs it: install Animus again (npm ci)`);
  }
  const visible = placesSeenFrom(of.place, name).find((place) => placed.has(place));
  if (visible !== undefined && placed.get(visible)?.folder === folder) return [];
  const place = visible === undefined ? name : path.join(of.place, 'node_modules', name);
  const added = { place, folder, name, version: readManifest(folder).version };
  placed.set(place, added);
  return [added];
}

/** Where Node would look for `name` from a package at `place`, nearest first. */
function placesSeenFrom(place: string, name: string): string[] {
  const places: string[] = [];
  for (let at = place; at !== ''; at = at.includes('/node_modules/') ? at.slice(0, at.lastIndexOf('/node_modules/')) : '') {
    places.push(path.join(at, 'node_modules', name));
  }
  return [...places, name];
}

function resolvePackage(name: string, from: string): string | null {
  for (let folder = from; ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, 'node_modules', name);
    if (fs.existsSync(path.join(candidate, 'package.json'))) return fs.realpathSync(candidate);
    if (folder === path.dirname(folder)) return null;
  }
}

function ownPackages(root: string): Map<string, string> {
  const folder = path.join(root, 'packages');
  const own = new Map<string, string>();
  for (const name of fs.readdirSync(folder)) {
    const candidate = path.join(folder, name);
    if (fs.existsSync(path.join(candidate, 'package.json'))) own.set(readManifest(candidate).name, candidate);
  }
  return own;
}

function readManifest(folder: string): Manifest {
  return v.parse(manifest, JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')));
}
