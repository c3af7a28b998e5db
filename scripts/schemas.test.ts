import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFleetConfig, parseSettings } from 'animus-protocol';
import fc from 'fast-check';
import { generateSchemas, listStaleSchemas } from './schemas.ts';

test('the committed schemas are what the parsers say', () => assert.deepEqual(listStaleSchemas(), []));

type Schema = Record<string, unknown>;

/** Knows the words our schemas use and refuses any other, so that none is passed over in silence. */
function accepts(schema: unknown, value: unknown): boolean {
  return Object.entries(schema as Schema).every(([word, argument]) => {
    switch (word) {
      case '$schema':
      case 'title':
      case 'description':
        return true;
      case 'type':
        return hasType(String(argument), value);
      case 'enum':
        return (argument as unknown[]).includes(value);
      case 'minimum':
        return typeof value !== 'number' || value >= Number(argument);
      case 'maximum':
        return typeof value !== 'number' || value <= Number(argument);
      case 'minLength':
        return typeof value !== 'string' || value.length >= Number(argument);
      case 'pattern':
        return typeof value !== 'string' || new RegExp(String(argument), 'u').test(value);
      case 'anyOf':
        return (argument as unknown[]).some((one) => accepts(one, value));
      case 'required':
        return (argument as string[]).every((key) => isObject(value) && Object.hasOwn(value, key));
      case 'propertyNames':
        return !isObject(value) || Object.keys(value).every((key) => accepts(argument, key));
      case 'properties':
        return (
          !isObject(value) ||
          Object.entries(argument as Schema).every(([key, one]) => !Object.hasOwn(value, key) || accepts(one, value[key]))
        );
      case 'additionalProperties': {
        const named = Object.keys(((schema as Schema).properties ?? {}) as Schema);
        const others = isObject(value) ? Object.keys(value).filter((key) => !named.includes(key)) : [];
        return argument === false ? others.length === 0 : others.every((key) => accepts(argument, (value as Schema)[key]));
      }
      default:
        throw new Error(`the test does not know the schema word ${word}`);
    }
  });
}

function hasType(type: string, value: unknown): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'null') return value === null;
  return type === 'object' ? isObject(value) : typeof value === type;
}

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const TEXTS = [
  'agent-x',
  'x',
  'main',
  'Europe/Berlin',
  'https://host/up',
  'agent-agent-x',
  'a..b',
  '0 3 * * *',
  '@daily',
  'age:age1q',
  'gpg:me@host',
];

/** Values near what a schema asks for: mostly right, sometimes just beside. */
function near(schema: unknown): fc.Arbitrary<unknown> {
  const { type, properties, additionalProperties, minimum, maximum, anyOf, enum: words } = schema as Schema;
  const wrong = fc.constantFrom<unknown>(null, true, 'true', '5', 0, 1.5, -1, 'x y', '-x', '', [], {});
  const right = (): fc.Arbitrary<unknown> => {
    if (words !== undefined) return fc.constantFrom(...(words as unknown[]));
    if (anyOf !== undefined) return fc.oneof(...(anyOf as unknown[]).map(near));
    if (type === 'integer') return fc.integer({ min: Number(minimum) - 1, max: Number(maximum) + 1 });
    if (type === 'boolean') return fc.boolean();
    if (type === 'string') {
      const fitting = TEXTS.filter((text) => accepts(schema, text));
      const any = { weight: 1, arbitrary: fc.constantFrom(...TEXTS) };
      return fitting.length === 0 ? any.arbitrary : fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...fitting) }, any);
    }
    if (type === 'null') return fc.constant(null);
    if (type !== 'object') return wrong;
    const known = Object.fromEntries(Object.entries((properties ?? {}) as Schema).map(([key, one]) => [key, near(one)]));
    const others = isObject(additionalProperties) ? near(additionalProperties) : wrong;
    const fixed = fc.record(known, { requiredKeys: [] });
    const key = isObject(additionalProperties) ? fc.constantFrom('telegram', 'agent-x') : fc.constantFrom('mod', 'colour');
    return fc
      .tuple(fixed, fc.oneof({ weight: 30, arbitrary: fc.constant({}) }, fc.dictionary(key, others, { maxKeys: 1 })))
      .map(([one, two]) => ({ ...two, ...one }));
  };
  return fc.oneof({ weight: 100, arbitrary: right() }, { weight: 1, arbitrary: wrong });
}

const PARSERS: [string, (text: string) => { problems: { message: string; key: string; value?: string }[] }][] = [
  ['settings.schema.json', parseSettings],
  ['animus.config.schema.json', parseFleetConfig],
];
for (const [name, parse] of PARSERS) {
  test(`${name} takes what the parser takes without a word, and refuses the rest`, () => {
    const schema: unknown = JSON.parse(generateSchemas().get(name) ?? '');
    const seen = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(near(schema), (value) => {
        const { problems } = parse(JSON.stringify(value));
        // What a schema cannot say: whether a zone exists, what an agent's id may be as a key, and that two keys mean the same.
        const said = problems.filter(
          ({ message, key, value: shown }) => !/has no effect/.test(message) && !(key === 'timezone' && shown?.startsWith('"')),
        );
        const isTaken = accepts(schema, value);
        assert.equal(isTaken, said.length === 0, JSON.stringify(problems));
        seen[isTaken ? 'taken' : 'refused'] += 1;
      }),
      { numRuns: 2000 },
    );
    assert(seen.taken > 100 && seen.refused > 100, JSON.stringify(seen));
  });
}
