/**
 * How every program of ours is bundled: the installation's own `dist/` (scripts/build.ts) and each agent's
 * release (release.ts) alike, so that what was tested is what runs. Bundles, because types stripped at run
 * time cost each worker 17–45 MB; minified and split, because what `run` does not need is then never read.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { BuildOptions, Plugin } from 'esbuild';
import { lazyTelegram } from './bundle-telegram.ts';

/** Stay outside: addons cannot be bundled, and esbuild runs a binary that it finds beside itself. */
const EXTERNAL = ['*.node', 'esbuild'];

/** Takes the place of better-sqlite3's own `lib/binding.js`; a clone of another age may have none. */
const SQLITE_ADDON = 'packages/broca-core/src/store/addon.ts';

/** Those of Node's own modules that are slow to import, and plain objects of functions: what lazy-builtin.ts can stand in for. */
const SLOW_BUILTINS = /^node:(child_process|crypto|fs|fs\/promises|http|https|module|os|util)$/;
/** Takes the place of imports of them. */
const LAZY_BUILTIN = 'packages/animus-supervisor/src/home/lazy-builtin.ts';

/** Bundled CommonJS packages call `require` for Node's own modules; a module has none by itself. */
const BANNER = "const require=process.getBuiltinModule('node:module').createRequire(import.meta.url);";

/**
 * The files of the Broca program. Each is a bundle without shared chunks (a chunk costs 1–2 ms to load): what
 * `run` needs at once, what it needs later, and the rest of the command line.
 */
export const BROCA_ENTRIES: { broca: string; [name: string]: string } = {
  broca: 'packages/broca-core/src/main.ts',
  'broca-run': 'packages/broca-core/src/run.ts',
  'broca-pino': 'packages/broca-core/src/log/pino.ts',
  'broca-letta': 'packages/broca-core/src/turn/letta-rest-library.ts',
  'broca-cli': 'packages/broca-core/src/cli/cli.ts',
  'broca-take-over': 'packages/broca-core/src/try-take-over.ts',
  'broca-restore': 'packages/broca-core/src/prepare-restore.ts',
  'broca-python': 'packages/broca-core/src/store/takeover/take-over.ts',
  'broca-damage': 'packages/broca-core/src/store/damage/replace.ts',
  'broca-commands': 'packages/broca-core/src/commands/commands.ts',
  'broca-attachments': 'packages/broca-core/src/attachments/store.ts',
  'broca-tidy': 'packages/broca-core/src/attachments/tidy.ts',
  'broca-upload': 'packages/broca-core/src/attachments/upload.ts',
  'plugins/telegram': 'packages/broca-telegram/src/index.ts',
};

export type BundleRequest = {
  /** A checkout or clone of our repository: packages of ours are taken from it and from nowhere else. */
  source: string;
  /** Name of each bundle (without `.mjs`) → its entry file, absolute or relative to `source`. */
  entries: Record<string, string>;
  outFolder: string;
  /** Whether bundles share chunks. Without, a dynamic import of another entry's file loads that entry's bundle. */
  splitting: boolean;
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
    entryNames: '[dir]/[name]',
    chunkNames: 'chunks/[name]-[hash]',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: request.splitting,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    minify: true,
    // An uncaught error prints its line: it must not be the whole program.
    lineLimit: 200,
    legalComments: 'linked',
    banner: { js: BANNER },
    external: fs.existsSync(path.join(request.source, SQLITE_ADDON)) ? EXTERNAL : [...EXTERNAL, 'better-sqlite3'],
    alias: workspaceAliases(request.source),
    nodePaths: [...request.packageFolders],
    plugins: [
      sqliteAddon(request.source),
      ...lazyTelegram(request.source),
      ...(fs.existsSync(path.join(request.source, LAZY_BUILTIN)) ? [lazyBuiltins(request.source)] : []),
      ...(request.splitting ? [] : [apart(request)]),
      ...request.plugins,
    ],
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

/**
 * Node's own modules are loaded when one of their names is used. Importing node:crypto costs 5 ms, node:util 2,
 * node:module 3: an import builds a module around them, which touches each of their lazy parts.
 */
function lazyBuiltins(source: string): Plugin {
  const helper = path.join(source, LAZY_BUILTIN);
  return {
    name: 'lazy-builtins',
    setup(build) {
      build.onResolve({ filter: SLOW_BUILTINS }, ({ path: name, kind }) =>
        kind === 'import-statement' ? { path: name, namespace: 'builtin' } : undefined,
      );
      build.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path: name }) => {
        const contents = `module.exports = require(${JSON.stringify(helper)}).lazyBuiltin(${JSON.stringify(name)});`;
        return { contents, loader: 'js', resolveDir: source };
      });
    },
  };
}

function apart({ source, entries }: BundleRequest): Plugin {
  const names = new Map(Object.entries(entries).map(([name, file]) => [path.resolve(source, file), name]));
  return {
    name: 'apart',
    setup(build) {
      build.onResolve({ filter: /^\.\.?\// }, ({ path: file, kind, resolveDir }) => {
        const name = kind === 'dynamic-import' ? names.get(path.resolve(resolveDir, file)) : undefined;
        return name === undefined ? undefined : { path: `./${name}.mjs`, external: true };
      });
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
