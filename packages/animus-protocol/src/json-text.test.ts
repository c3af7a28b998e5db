import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type JsonNode, readJson } from './json-text.ts';

const FAULTS: [string, number, number, RegExp][] = [
  ['', 1, 1, /ends in the middle/],
  ['{', 1, 2, /ends in the middle/],
  ['{\n  "a": 1,\n  "b": \n', 4, 1, /ends in the middle/],
  ['{"a": tru}', 1, 7, /no value/],
  ['{"a": 1,}', 1, 9, /comma before the closing "." is not allowed/],
  ['[1, 2,]', 1, 7, /comma before the closing "." is not allowed/],
  ['{"a" 1}', 1, 6, /":" is expected/],
  ['{\n  "a": 1\n  "b": 2\n}', 3, 3, /"," or "}"/],
  ['{a: 1}', 1, 2, /key in double quotes/],
  ["{'a': 1}", 1, 2, /double quotes/],
  ['{"a": \'x\'}', 1, 7, /double quotes/],
  ['{ // comment\n}', 1, 3, /no comments/],
  ['{"a": 01}', 1, 7, /no value/],
  ['{"a": "x}', 1, 7, /closing quote/],
  ['{"a": "x\n"}', 1, 9, /closing quote/],
  ['{"a": "C:\\x"}', 1, 10, /written "\\\\"/],
  ['{} {}', 1, 4, /nothing may follow/],
  ['\uFEFF{"a"}', 1, 5, /":" is expected/],
  ['['.repeat(1000), 1, 66, /deep/],
];
for (const [text, line, column, message] of FAULTS) {
  test(`the fault of ${JSON.stringify(text.slice(0, 30))} is found`, () => {
    const read = readJson(text);
    assert(!read.ok);
    assert.deepEqual([read.error.line, read.error.column], [line, column]);
    assert.match(read.error.message, message);
  });
}

test('it takes what JSON.parse takes, and refuses what that refuses', () => {
  const damaged = fc
    .tuple(fc.json({ maxDepth: 6 }), fc.nat(), fc.constantFrom('', ',', '"', '}', '\\', '\n', ' ', '1', 'e', '-', '.', '\uFEFF'))
    .map(([text, at, piece]) => {
      const place = at % (text.length + 1);
      return text.slice(0, place) + piece + text.slice(place + (at % 2));
    });
  fc.assert(
    fc.property(damaged, (text) => {
      fc.pre(!text.startsWith('\uFEFF'));
      let value: unknown;
      let isJson = true;
      try {
        value = JSON.parse(text);
      } catch {
        isJson = false;
      }
      const read = readJson(text);
      assert.equal(read.ok, isJson);
      if (read.ok) assert.deepEqual(read.value.value, value);
    }),
    { numRuns: 1000 },
  );
});

test('every value stands where it is said to stand', () => {
  fc.assert(
    fc.property(
      fc.object({ maxDepth: 4 }).map((value) => JSON.stringify(value, null, 2)),
      (text) => {
        const read = readJson(text);
        assert(read.ok);
        const check = (node: JsonNode, value: unknown): void => {
          assert.deepEqual(JSON.parse(text.slice(node.start, node.end)), value);
          for (const member of node.members ?? [])
            check(member.node, Object.entries(value ?? {}).find(([name]) => name === member.name)?.[1]);
        };
        check(read.value.root, read.value.value);
      },
    ),
  );
});

test('keys that stand twice are named', () => {
  const read = readJson('{"a": {"b": 1, "b": 2}, "c": [{"d": 1, "d": 1}], "a": 3}');
  assert(read.ok);
  assert.deepEqual(read.value.duplicates, ['a.b', 'c.0.d', 'a']);
});
