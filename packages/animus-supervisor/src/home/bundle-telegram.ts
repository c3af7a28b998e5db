/**
 * Telegram's library (or teleproto in its place, scripts/telegram-library.ts) makes 2 000 classes when it is loaded, one for each type of the API, and a Broca uses a hundred: that is
 * half of its memory and of its start. In bundles its two tables are replaced by ones that make a class when it is first
 * named, with the library's own code; what it never needs over TCP (websockets, storage of its own) is left out.
 * The library is read as text here and never run: a clone's own copy must not run in the supervisor. What does not look like
 * the version we know is bundled as it is.
 */
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import type { Plugin } from 'esbuild';

/** Takes the place of the tables; a clone of another age may have none. */
const HELPER = 'packages/animus-supervisor/src/home/lazy-telegram.ts';

const NAMES = ['telegram', 'teleproto'];
const API_TAIL = /const api = buildApiFromTlSchema\(\);\s*module\.exports = \{ Api: api \};/;
const OBJECTS_TAIL = /for \(const tl of Object\.values\((\w+)\.Api\)\) \{[\s\S]*\}\s*$/;
const OBJECTS_HEAD = /const tlobjects = \{\};/;

/** Of the library's dependencies: loaded by it, and used over web sockets, for sessions of its own, and to read HTML. */
const UNUSED = /^(websocket|store2|node-localstorage|htmlparser2)$/;

export function lazyTelegram(source: string): Plugin[] {
  const helper = path.join(source, HELPER);
  return fs.existsSync(helper) ? [{ name: 'lazy-telegram', setup: (build) => setUp(build, helper) }] : [];
}

function setUp(build: Parameters<Plugin['setup']>[0], helper: string): void {
  const isLibrary = new Map<string, boolean>();
  const isFromLibrary = (importer: string): boolean => {
    const folder = /^.*[\\/]node_modules[\\/]telegram(?=[\\/])/.exec(importer)?.[0];
    if (folder === undefined) return false;
    const known = isLibrary.get(folder) ?? NAMES.some((name) => hasName(folder, name));
    isLibrary.set(folder, known);
    return known;
  };
  build.onLoad({ filter: /[\\/]telegram[\\/]tl[\\/]api\.js$/ }, ({ path: file }) => loaded(lazyApiSource(file, helper)));
  build.onLoad({ filter: /[\\/]telegram[\\/]tl[\\/]AllTLObjects\.js$/ }, ({ path: file }) =>
    loaded(lazyObjectsSource(file, 'api.js', lazyApiSource, helper)),
  );
  build.onLoad({ filter: /[\\/]telegram[\\/]tl[\\/]generated[\\/]api\.js$/ }, ({ path: file }) => loaded(lazyTeleprotoApi(file, helper)));
  build.onLoad({ filter: /[\\/]telegram[\\/]tl[\\/]runtime[\\/]registry\.js$/ }, ({ path: file }) =>
    loaded(lazyObjectsSource(file, '../generated/api.js', lazyTeleprotoApi, helper)),
  );
  build.onResolve({ filter: UNUSED }, ({ path: name, importer }) =>
    isFromLibrary(importer) ? { path: name, namespace: 'unused' } : undefined,
  );
  build.onLoad({ filter: /.*/, namespace: 'unused' }, () => ({ contents: 'module.exports = {};', loader: 'js' }));
  build.onResolve({ filter: /^pako$/ }, ({ path: name, importer }) =>
    isFromLibrary(importer) ? { path: name, namespace: 'own-zlib' } : undefined,
  );
  // Node has it built in; as pako's, it tells gzip and zlib apart by itself.
  build.onLoad({ filter: /.*/, namespace: 'own-zlib' }, () => ({
    contents: "module.exports = { inflate: (packed) => process.getBuiltinModule('node:zlib').unzipSync(packed) };",
    loader: 'js',
  }));
}

/** Another library may stand in its place (an alias of npm), and needs other things. */
function hasName(folder: string, name: string): boolean {
  const manifest = path.join(folder, 'package.json');
  return fs.existsSync(manifest) && fs.readFileSync(manifest, 'utf8').includes(`"name": ${JSON.stringify(name)}`);
}

function loaded(contents: string | null): { contents: string; loader: 'js' } | undefined {
  return contents === null ? undefined : { contents, loader: 'js' };
}

function lazyApiSource(file: string, helper: string): string | null {
  const [original, table] = [fs.readFileSync(file, 'utf8'), readTable(path.dirname(file))];
  if (!API_TAIL.test(original) || table === null) return null;
  const spaces = [...new Set([...table.matchAll(/\n([a-z]\w*)\./g)].map(([, space]) => space))];
  const make = "(schema) => createClasses('all', [...parseTl(schema, 109)])";
  return original
    .replace('require("./apiTl.js")', '""')
    .replace('require("./schemaTl.js")', '""')
    .replace(API_TAIL, () => lazyApiText(table, spaces, make, helper));
}

function lazyApiText(table: string, spaces: readonly (string | undefined)[], make: string, helper: string): string {
  return [
    `const table = ${JSON.stringify(table)};`,
    `const api = require(${JSON.stringify(helper)}).lazyApi(table, ${JSON.stringify(spaces)}, ${make});`,
    'module.exports = { Api: api, table };',
  ].join('\n');
}

/** `api`: where the lazy one is, from there. */
function lazyObjectsSource(file: string, api: string, makeApi: typeof lazyApiSource, helper: string): string | null {
  const original = fs.readFileSync(file, 'utf8');
  const other = path.join(path.dirname(file), api);
  const library = OBJECTS_TAIL.exec(original)?.[1];
  if (library === undefined || !OBJECTS_HEAD.test(original) || !fs.existsSync(other) || makeApi(other, helper) === null) return null;
  const objects = `const tlobjects = require(${JSON.stringify(helper)}).lazyObjects(require(${JSON.stringify(other)}).table, ${library}.Api);`;
  return original.replace(OBJECTS_TAIL, '').replace(OBJECTS_HEAD, () => objects);
}

/** A line for each type, as lazy-telegram.ts reads them; null when the schema is not where we know it. */
function readTable(folder: string): string | null {
  const schemas = ['apiTl.js', 'schemaTl.js'].map((name) => readSchema(path.join(folder, name)));
  const [constructors, functions] = ['C', 'F'].map((wanted) =>
    schemas.flatMap((lines) => (lines ?? []).filter(({ kind }) => kind === wanted)),
  );
  if (schemas.includes(null) || constructors === undefined || functions === undefined) return null;
  // As in the library, the last of one name counts.
  const byName = new Map([...constructors, ...functions].map(({ name, id, kind, schema }) => [name, `${name}#${id} ${kind} ${schema}`]));
  return `\n${[...byName.values()].join('\n')}\n`;
}

type SchemaLine = { name: string; id: string; kind: 'C' | 'F'; schema: string };

/** The library reads these without a class (generationHelpers.js). */
const CORE_TYPES = new Set(['bc799737', '997275b5', '3fedd339', 'c4b9f9bb', '56730bcc']);

function readSchema(file: string): SchemaLine[] | null {
  const text = fs.existsSync(file) ? /`([^`]*)`/.exec(fs.readFileSync(file, 'utf8'))?.[1] : undefined;
  if (text === undefined) return null;
  let kind: SchemaLine['kind'] = 'C';
  const lines: SchemaLine[] = [];
  for (const raw of text.split('\n')) {
    const schema = raw.replace(/\/\/.*/, '').trim();
    const section = /^---(\w+)---$/.exec(schema);
    if (section !== null) kind = section[1] === 'functions' ? 'F' : 'C';
    const found = /^([\w.]+)(?:#([0-9a-f]+))?\s.*=\s([\w<>.]+);$/i.exec(schema);
    if (section !== null || found === null || schema.includes('vector#1cb5c415')) continue;
    const [, name = '', hex, result = ''] = found;
    const id = hex === undefined ? idOf(name, result) : Number.parseInt(hex, 16).toString(16);
    if (!CORE_TYPES.has(id)) lines.push({ name: className(name), id, kind, schema });
  }
  return lines;
}

/** As the library computes it where the schema gives none. */
function idOf(name: string, result: string): string {
  const representation = `${name} = ${result}`.replace(/</g, ' ').replace(/[>{}]/g, '');
  return zlib.crc32(representation).toString(16);
}

/** `messages.sendMessage` → `messages.SendMessage`, `p_q_inner_data` → `PQInnerData`. */
function className(name: string): string {
  const [space, own] = name.includes('.') ? name.split(/\.(.+)/) : [null, name];
  const camel = (own ?? '').replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase()).replace(/_/g, '');
  return space === null ? camel : `${space}.${camel}`;
}

const TELEPROTO_TAIL =
  /const definitions = require\("\.\/api-definitions\.js"\);\s*const Api = createApiFromDefinitions\(definitions\);\s*module\.exports = \{ Api \};/;
const DEFINITIONS = /module\.exports = (\[[\s\S]*\]);?\s*$/;

/** teleproto brings its schema parsed, as one list: here each type's piece of it is text until somebody names the type. */
function lazyTeleprotoApi(file: string, helper: string): string | null {
  const definitions = path.join(path.dirname(file), 'api-definitions.js');
  const [original, list] = [file, definitions].map((each) => (fs.existsSync(each) ? fs.readFileSync(each, 'utf8') : ''));
  const table = readDefinitions(DEFINITIONS.exec(list ?? '')?.[1] ?? '[]');
  if (!TELEPROTO_TAIL.test(original ?? '') || table === null) return null;
  const spaces = [...new Set([...table.matchAll(/\n([a-z]\w*)\./g)].map(([, space]) => space))];
  const make = '(definition) => createApiFromDefinitions([JSON.parse(definition)])';
  return (original ?? '').replace(TELEPROTO_TAIL, () => lazyApiText(table, spaces, make, helper));
}

/** Null when they are not what we know. */
function readDefinitions(json: string): string | null {
  let list: { namespace?: unknown; name?: unknown; constructorId?: unknown }[];
  try {
    list = JSON.parse(json);
  } catch {
    return null;
  }
  const lines = new Map<string, string>();
  for (const definition of list) {
    const { namespace, name, constructorId } = definition;
    if (typeof name !== 'string' || typeof constructorId !== 'number') return null;
    const full = typeof namespace === 'string' ? `${namespace}.${name}` : name;
    lines.set(full, `${full}#${constructorId.toString(16)} C ${JSON.stringify(definition)}`);
  }
  return lines.size === 0 ? null : `\n${[...lines.values()].join('\n')}\n`;
}
