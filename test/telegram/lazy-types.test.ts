/** In bundles the library's types are made when they are first named: each is held to what the plain library makes of it. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { build, type Plugin } from 'esbuild';
import { lazyTelegram } from '../../packages/animus-supervisor/src/home/bundle-telegram.ts';

type Config = Record<string, { isVector: boolean; type: string | null; flagIndicator: boolean; flagIndex: number }>;
type Instance = { getBytes(): Buffer; className: string };
type Type = { new (args: object): Instance; CONSTRUCTOR_ID: number; SUBCLASS_OF_ID: number; className: string; classType: string };
type Library = {
  api: Record<string, unknown>;
  tlobjects: Record<string, Type | undefined>;
  LAYER: number;
  read(bytes: Buffer): Instance;
  number(decimal: string): object;
  schema(): Iterable<{ namespace?: string; name: string; argsConfig: Config; constructorId: number }>;
};

const root = join(import.meta.dirname, '../..');
/** Another library may be in its place (scripts/telegram-library.ts), with tables of another shape. */
const { name: library } = JSON.parse(readFileSync(join(root, 'node_modules/telegram/package.json'), 'utf8')) as { name: string };
const TABLES: Record<string, string> = {
  telegram: `
    const { parseTl } = require('telegram/tl/generationHelpers.js');
    const { tlobjects, LAYER } = require('telegram/tl/AllTLObjects.js');
    const schema = () => [require('telegram/tl/apiTl.js'), require('telegram/tl/schemaTl.js')].flatMap((text) => [...parseTl(text, 109)]);
  `,
  teleproto: `
    const { tlobjects, LAYER } = require('telegram/tl/index.js');
    const schema = () => require('telegram/tl/generated/api-definitions.js');
    require('telegram/tl/custom/message.js').installMessageBehaviour();
  `,
};
const ENTRY = `
  const { BinaryReader } = require('telegram/extensions/BinaryReader.js');
  const { Api } = require('telegram/tl/index.js');
  const number = require('telegram/Helpers.js').returnBigInt;
  const read = (bytes) => new BinaryReader(bytes).tgReadObject();
  ${TABLES[library]}
  module.exports = { api: Api, tlobjects, LAYER, read, number, schema };
`;

let plain: Library;
let lazy: Library;

before(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lazy-types-'));
  const bundle = async (name: string, plugins: Plugin[]): Promise<Library> => {
    const outfile = join(folder, `${name}.cjs`);
    const stdin = { contents: ENTRY, resolveDir: join(root, 'packages/broca-telegram') };
    await build({ stdin, outfile, bundle: true, platform: 'node', format: 'cjs', plugins, logLevel: 'silent' });
    return ((await import(outfile)) as { default: Library }).default;
  };
  [plain, lazy] = await Promise.all([bundle('plain', []), bundle('lazy', lazyTelegram(root))]);
  rmSync(folder, { recursive: true, force: true });
});

/** Class by its full name. */
function typesOf({ api }: Library): Map<string, Type> {
  const spaces = Object.entries(api).filter(([name]) => /^[a-z]/.test(name)) as [string, Record<string, Type>][];
  const own = Object.entries(api).filter(([name]) => /^[A-Z]/.test(name)) as [string, Type][];
  return new Map([
    ...own,
    ...spaces.flatMap(([space, types]) => Object.entries(types).map(([name, type]) => [`${space}.${name}`, type] as const)),
  ]);
}

/** What stands for any object: the bytes of `true`, which every reader knows. */
const OBJECT = { getBytes: () => Buffer.from('b5757299', 'hex') };

/** Something for each argument; of the optional ones, every second is left out when `isSparse`. */
function argumentsOf({ number }: Library, config: Config, isSparse: boolean): object {
  const values: Record<string, () => unknown> = {
    int: () => 7,
    long: () => number('-1234567890123'),
    int128: () => number('12345678901234567890'),
    int256: () => number('12345678901234567890'),
    double: () => 1.5,
    string: () => 'wörds',
    bytes: () => Buffer.from('bytes'),
    Bool: () => true,
    true: () => true,
  };
  return Object.fromEntries(
    Object.entries(config)
      .filter(([, { flagIndicator, flagIndex }]) => !flagIndicator && !(isSparse && flagIndex % 2 === 1))
      .map(([name, { type, isVector }]) => {
        const value = values[type ?? '']?.() ?? OBJECT;
        return [name, isVector ? [value, value] : value];
      }),
  );
}

/** Bytes and what they are read as, or the error: that has to be the same too. */
function trial(library: Library, type: Type, config: Config, isSparse: boolean): unknown {
  try {
    const bytes = new type(argumentsOf(library, config, isSparse)).getBytes();
    return [bytes.toString('hex'), JSON.stringify(library.read(bytes))];
  } catch (error) {
    return String(error);
  }
}

test('a type is not made before somebody names it, and then once', () => {
  const { api, tlobjects, LAYER } = lazy;
  assert.equal(LAYER, plain.LAYER);
  const made = (api['messages'] as Record<string, Type>)['SendMessage'];
  assert.ok(made !== undefined && made === (api['messages'] as Record<string, Type>)['SendMessage']);
  assert.equal(tlobjects[made.CONSTRUCTOR_ID], made);
  assert.equal((api['messages'] as Record<string, Type>)['NoSuchThing'], undefined);
  assert.equal(tlobjects[0x1cb5c415], plain.tlobjects[0x1cb5c415]);
});

test('every type of the schema is there under its name and number, and nothing else is', () => {
  const [expected, actual] = [typesOf(plain), typesOf(lazy)];
  assert.ok(expected.size > 2000);
  assert.deepEqual([...actual.keys()].sort(), [...expected.keys()].sort());
  for (const [name, type] of expected) {
    const other = actual.get(name) ?? assert.fail(name);
    for (const key of ['CONSTRUCTOR_ID', 'SUBCLASS_OF_ID', 'className', 'classType'] as const) assert.equal(other[key], type[key], name);
    assert.equal(lazy.tlobjects[type.CONSTRUCTOR_ID]?.className, plain.tlobjects[type.CONSTRUCTOR_ID]?.className, name);
  }
});

test('every type is written and read byte for byte as by the plain library', () => {
  const types = [typesOf(plain), typesOf(lazy)] as const;
  let compared = 0;
  for (const { namespace, name, argsConfig } of plain.schema()) {
    const full = namespace === undefined ? name : `${namespace}.${name}`;
    const [expected, actual] = [types[0].get(full) ?? assert.fail(full), types[1].get(full) ?? assert.fail(full)];
    for (const isSparse of [false, true]) {
      assert.deepEqual(trial(lazy, actual, argsConfig, isSparse), trial(plain, expected, argsConfig, isSparse), full);
    }
    compared += 1;
  }
  assert.ok(compared > 2000);
});

test('messages keep what the library adds to them', () => {
  const membersOf = ({ api }: Library, name: string): string[] =>
    Object.getOwnPropertyNames((api[name] as { prototype: object }).prototype).sort();
  for (const name of ['Message', 'MessageService', 'MessageEmpty']) {
    assert.deepEqual(membersOf(lazy, name), membersOf(plain, name));
    assert.ok(membersOf(lazy, name).length > membersOf(lazy, 'PeerUser').length);
  }
});
