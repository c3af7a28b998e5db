/**
 * How every program of ours is bundled: the installation's own `dist/` (scripts/build.ts) and each agent's
 * release (release.ts) alike, so that what was tested is what runs. Bundles, because types stripped at run
 * time cost each worker 17–45 MB; minified and split, because what `run` does not need is then never read.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { BuildOptions, Plugin } from 'esbuild';

/** Stay outside: addons cannot be bundled, and esbuild runs a binary that it finds beside itself. */
const EXTERNAL = ['*.node', 'esbuild'];

/** Takes the place of better-sqlite3's own `lib/binding.js`; a clone of another age may have none. */
const SQLITE_ADDON = 'packages/broca-core/src/store/addon.ts';

/** Bundled CommonJS packages call `require` for Node's own modules; a module has none by itself. */
const BANNER = "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);";

export type BundleRequest = {
  /** A checkout or clone of our repository: packages of ours are taken from it and from nowhere else. */
  source: string;
  /** Name of each bundle (without `.mjs`) → its entry file, absolute or relative to `source`. */
  entries: Record<string, string>;
  outFolder: string;
  /** Where installed packages are when `source` has no node_modules of its own (an agent's clone). */
  packageFolders: readonly string[];
  plugins: readonly Plugin[];
};

/** Options for esbuild's `build`; errors come back in its own error object, so `logLevel` is silent. */
export function bundleOptions(request: BundleRequest): BuildOptions & { metafile: true } {
  return {
    absWorkingDir: request.source,
    entryPoints: request.entries,
    outdir: request.outFolder,
    entryNames: '[name]',
    chunkNames: 'chunks/[name]-[hash]',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    minify: true,
    legalComments: 'linked',
    banner: { js: BANNER },
    external: fs.existsSync(path.join(request.source, SQLITE_ADDON)) ? EXTERNAL : [...EXTERNAL, 'better-sqlite3'],
    alias: workspaceAliases(request.source),
    nodePaths: [...request.packageFolders],
    plugins: [sqliteAddon(request.source), ...request.plugins],
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true, target: 'es2024' } },
    logLevel: 'silent',
    metafile: true,
  };
}

/** better-sqlite3 goes into the bundle; only its addon is loaded from where the package is installed. */
function sqliteAddon(source: string): Plugin {
  return {
    name: 'sqlite-addon',
    setup(build) {
      build.onResolve({ filter: /^\.\/binding$/ }, ({ importer }) =>
        importer.includes('/better-sqlite3/lib/') ? { path: path.join(source, SQLITE_ADDON) } : undefined,
      );
    },
  };
}

/** Package names of the source tree → their index files. A clone has no node_modules that would lead to them. */
function workspaceAliases(source: string): Record<string, string> {
  const folder = path.join(source, 'packages');
  const aliases: Record<string, string> = {};
  for (const name of fs.readdirSync(folder)) {
    const index = path.join(folder, name, 'src/index.ts');
    if (fs.existsSync(index)) aliases[packageName(path.join(folder, name, 'package.json'))] = index;
  }
  return aliases;
}

function packageName(file: string): string {
  const parsed: unknown = JSON.parse(fs.readFileSync(file, 'utf8'));
  if (typeof parsed === 'object' && parsed !== null && 'name' in parsed && typeof parsed.name === 'string') return parsed.name;
  throw new Error(`${file} has no name`);
}
