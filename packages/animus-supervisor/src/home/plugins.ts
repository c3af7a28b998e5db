/** Finds the plugins a release is built with: `plugins/*` of the agent's clone, then of the agent itself. Of two with one name the first is built. */
import fs from 'node:fs';
import path from 'node:path';
import { failed, ok, type Result } from 'animus-protocol';
import * as v from 'valibot';

/** Plugin name → its entry file. */
export type PluginEntries = Record<string, string>;

/** As Broca takes it: a plugin's name is a key in settings and a value in the database. */
const NAME = /^[a-z][a-z0-9_]{0,31}$/;
const SOURCE = /\.(ts|mts|js|mjs)$/;
const NOT_A_PLUGIN = /\.(test|d)\.[cm]?[jt]s$/;
const ENTRIES = ['index.ts', 'index.mts', 'index.js', 'index.mjs', 'src/index.ts', 'src/index.js'];

const manifest = v.object({ exports: v.optional(v.union([v.string(), v.object({ '.': v.string() })])), main: v.optional(v.string()) });

export function findPlugins(folders: readonly string[]): Result<PluginEntries, string> {
  const found: PluginEntries = {};
  for (const folder of folders) {
    if (!fs.existsSync(folder)) continue;
    for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
      const file = path.join(folder, entry.name);
      const isFolder = fs.statSync(file, { throwIfNoEntry: false })?.isDirectory() === true;
      if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
      if (!isFolder && (!SOURCE.test(entry.name) || NOT_A_PLUGIN.test(entry.name))) continue;
      const name = isFolder ? entry.name : entry.name.replace(SOURCE, '');
      const source = isFolder ? pluginEntry(file) : file;
      // A folder without an entry holds what plugins share.
      if (source === null) continue;
      if (!NAME.test(name)) return failed(`${file}: a plugin is named with lower case letters, digits and "_", at most 32, a letter first`);
      found[name] ??= source;
    }
  }
  return ok(found);
}

function pluginEntry(folder: string): string | null {
  const named = entryOfManifest(path.join(folder, 'package.json'));
  for (const candidate of named === null ? ENTRIES : [named]) {
    const file = path.join(folder, candidate);
    if (fs.existsSync(file)) return file;
  }
  return null;
}

function entryOfManifest(file: string): string | null {
  if (!fs.existsSync(file)) return null;
  try {
    const parsed = v.safeParse(manifest, JSON.parse(fs.readFileSync(file, 'utf8')));
    if (!parsed.success) return null;
    const { exports, main } = parsed.output;
    return (typeof exports === 'string' ? exports : exports?.['.']) ?? main ?? null;
  } catch {
    return null;
  }
}
