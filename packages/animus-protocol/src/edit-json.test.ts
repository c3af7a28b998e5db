import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { setJsonValue } from './edit-json.ts';

const EDITS: [string, string, string[], unknown, string][] = [
  ['replaces a value', '{\n  "a": 1, "b":   2\n}\n', ['a'], 'x', '{\n  "a": "x", "b":   2\n}\n'],
  ['adds to the end', '{\n    "a": 1\n}\n', ['b'], true, '{\n    "a": 1,\n    "b": true\n}\n'],
  ['makes objects on the way', '{\n\t"a": 1\n}', ['b', 'c'], 2, '{\n\t"a": 1,\n\t"b": {\n\t\t"c": 2\n\t}\n}'],
  ['adds inside', '{\n  "a": {\n    "b": 1\n  }\n}', ['a', 'c'], 2, '{\n  "a": {\n    "b": 1,\n    "c": 2\n  }\n}'],
  ['fills an empty object', '{\n  "a": {}\n}', ['a', 'c'], 2, '{\n  "a": {\n    "c": 2\n  }\n}'],
  ['fills an empty file', '{}\n', ['a', 'c'], 2, '{\n  "a": {\n    "c": 2\n  }\n}\n'],
  ['stays on one line', '{ "a": { "b": 1 }, "c": {} }', ['a', 'd'], 2, '{ "a": { "b": 1, "d": 2 }, "c": {} }'],
  ['fills on one line', '{ "a": 1, "c": {} }', ['c', 'd'], 2, '{ "a": 1, "c": {"d": 2} }'],
  ['stays packed', '{"a":1}', ['b'], 2, '{"a":1,"b":2}'],
  ['keeps the line ends and the byte order mark', '\uFEFF{\r\n  "a": 1\r\n}\r\n', ['b'], 2, '\uFEFF{\r\n  "a": 1,\r\n  "b": 2\r\n}\r\n'],
  ['an inline object among lines', '{\n  "a": { "b": 1 }\n}', ['a', 'c'], 2, '{\n  "a": { "b": 1, "c": 2 }\n}'],
  ['the last of two counts', '{"a": 1, "a": 2}', ['a'], 3, '{"a": 1, "a": 3}'],
];
for (const [name, text, path, value, expected] of EDITS) {
  test(`editing JSON: ${name}`, () => assert.deepEqual(setJsonValue(text, path, value), { ok: true, value: expected }));
}

test('what holds no keys is refused', () =>
  assert.deepEqual(setJsonValue('{"a": [1]}', ['a', 'b'], 1), { ok: false, error: 'a is no object, so it cannot hold b' }));
test('what is no JSON is refused', () => assert.equal(setJsonValue('{', ['a'], 1).ok, false));

function setIn(value: unknown, [name, ...rest]: string[], leaf: unknown): unknown {
  if (name === undefined) return leaf;
  return { ...(value as object), [name]: setIn((value as Record<string, unknown> | undefined)?.[name], rest, leaf) };
}

test('only the value changes: all else is the same, byte by byte', () => {
  const key = fc.constantFrom('a', 'b', 'c d', '"', 'é');
  const tree = fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom<unknown>(1, 'x', null, [], [{ a: 1 }]),
      fc.dictionary(key, tie('node'), { maxKeys: 3 }),
    ),
  })).node;
  const text = fc
    .tuple(fc.dictionary(key, tree, { maxKeys: 4 }), fc.constantFrom(undefined, 1, 2, '\t'), fc.constantFrom('\n', '\r\n'))
    .map(([value, indent, newline]) => JSON.stringify(value, null, indent).replaceAll('\n', newline));
  fc.assert(
    fc.property(
      text,
      fc.array(key, { minLength: 1, maxLength: 3 }),
      fc.constantFrom<unknown>('new', 7, true, { x: [1] }),
      (before, path, value) => {
        const changed = setJsonValue(before, path, value);
        if (!changed.ok) return;
        assert.deepEqual(JSON.parse(changed.value), setIn(JSON.parse(before), path, value));
        const after = changed.value;
        let head = 0;
        while (head < before.length && before[head] === after[head]) head += 1;
        let tail = 0;
        while (tail < before.length - head && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
        const removed = before.slice(head, before.length - tail);
        const old = path.reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], JSON.parse(before));
        // What went is no more than the old value; where there was none, nothing went but blanks.
        const most = old === undefined ? '' : JSON.stringify(old);
        assert(removed.replaceAll(/\s/g, '').length <= most.length, `${JSON.stringify(removed)} went from ${before}`);
      },
    ),
    { numRuns: 500 },
  );
});
