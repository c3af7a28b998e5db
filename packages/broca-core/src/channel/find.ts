/**
 * Finds channel plugins on disk, by name only: nothing is imported here. A file or folder is named
 * after its plugin, so settings can switch one off before any of its code runs.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

export type FoundPlugin = { name: string; file: string };

export type FoundPlugins = {
  plugins: FoundPlugin[];
  /** What lies in a plugins folder and is not used, with why. */
  ignored: { path: string; reason: string }[];
};

/** What a plugin may be called: it is a key in settings and a value in the database. */
export const PLUGIN_NAME: RegExp = /^[a-z][a-z0-9_]{0,31}$/;

const MODULE_FILE = /^(?<name>[^.].*)\.(?:mjs|js|ts)$/;
const NO_PLUGIN_FILE = /\.(?:test|d)\.[a-z]+$/;
const INDEX_FILES = ['index.mjs', 'index.js', 'index.ts'];

/**
 * Where plugins are looked for. A release holds all of its agent's plugins, built; a checkout is read
 * from the agent's clone first, then from the agent's own folder.
 */
export function pluginFolders(agentFolder: string, releaseFolder: string | null): string[] {
  if (releaseFolder !== null) return [join(releaseFolder, 'plugins')];
  return [join(agentFolder, 'broca', 'plugins'), join(agentFolder, 'plugins')];
}

/**
 * Plugins that come with Broca itself, for one that runs from a checkout: built beside its program, or from their sources.
 * A release has them in its own folder.
 */
export function shippedPlugins(releaseFolder: string | null): FoundPlugin[] {
  if (releaseFolder !== null) return [];
  if (import.meta.filename.endsWith('.mjs')) return findPlugins([join(import.meta.dirname, 'plugins')], []).plugins;
  const source = join(import.meta.dirname, '../../../broca-telegram/src/index.ts');
  return existsSync(source) ? [{ name: 'telegram', file: source }] : [];
}

/** Lists what the folders hold, in order; of two plugins with one name the first is used. `taken` are names not to be had. */
export function findPlugins(folders: readonly string[], taken: readonly string[]): FoundPlugins {
  const found: FoundPlugins = { plugins: [], ignored: [] };
  const places = new Map(taken.map((name) => [name, 'a channel that is built in']));
  for (const folder of folders) {
    for (const entry of listFolder(folder)) {
      const path = join(folder, entry);
      const plugin = pluginAt(folder, entry);
      if (plugin === null) continue;
      const other = places.get(plugin.name);
      if (!PLUGIN_NAME.test(plugin.name)) {
        found.ignored.push({ path, reason: 'a plugin is named with lower case letters, digits and "_", at most 32, a letter first' });
      } else if (other !== undefined) {
        found.ignored.push({ path, reason: `${other} has the same name` });
      } else {
        places.set(plugin.name, path);
        found.plugins.push(plugin);
      }
    }
  }
  return found;
}

function listFolder(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}

function pluginAt(folder: string, entry: string): FoundPlugin | null {
  if (entry.startsWith('.') || entry === 'node_modules' || NO_PLUGIN_FILE.test(entry)) return null;
  const path = join(folder, entry);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory() === true) {
    const index = INDEX_FILES.map((name) => join(path, name)).find((file) => existsSync(file));
    return index === undefined ? null : { name: entry, file: index };
  }
  const name = MODULE_FILE.exec(entry)?.groups?.name;
  return stats?.isFile() === true && name !== undefined ? { name, file: path } : null;
}
