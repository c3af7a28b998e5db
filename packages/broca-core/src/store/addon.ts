/**
 * Loads SQLite's addon. In bundles this file stands in for better-sqlite3's own `lib/binding.js`
 * (the supervisor's home/bundle.ts sees to it), whose search through many places costs each start 4 ms.
 */
import { createRequire } from 'node:module';
import path from 'node:path';

const load: NodeJS.Require = createRequire(import.meta.url);
let addon: unknown;

export function getBinding(): unknown {
  addon ??= loadAddon();
  return addon;
}

function loadAddon(): unknown {
  const folder = path.join(path.dirname(load.resolve('better-sqlite3/package.json')), 'prebuilds');
  const name = `${process.platform}-${process.arch}.node`;
  try {
    return load(path.join(folder, name));
  } catch (error) {
    // On Linux without glibc the other build loads; where neither does, the first error says why.
    if (process.platform !== 'linux') throw error;
    try {
      return load(path.join(folder, `linuxmusl-${process.arch}.node`));
    } catch {
      throw error;
    }
  }
}
