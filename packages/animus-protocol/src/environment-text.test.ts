import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEnv } from 'node:util';
import fc from 'fast-check';
import { readEnvironmentText, setEnvironmentValues } from './environment-text.ts';

function valuesOf(text: string): Record<string, string> {
  return Object.fromEntries(readEnvironmentText(text).entries.map(({ key, value }) => [key, value]));
}

const READ: [string, Record<string, string>][] = [
  ['A=1\nB=2', { A: '1', B: '2' }],
  ['\uFEFFA=1\r\nB=2\r\n', { A: '1', B: '2' }],
  ['export A=1', { A: '1' }],
  ['  A = b c   # comment', { A: 'b c' }],
  ['# A=1\n\n   \nB=2', { B: '2' }],
  ['A="x # y" # z', { A: 'x # y' }],
  ['A="one\ntwo"\nB=3', { A: 'one\ntwo', B: '3' }],
  ['A="a\\nb"', { A: 'a\nb' }],
  ["A='a\\nb'", { A: 'a\\nb' }],
  ['A=`a"\'b`', { A: 'a"\'b' }],
  ['A=x=y==', { A: 'x=y==' }],
  // Here Node's own reader errs.
  ['A=  \nB=1', { A: '', B: '1' }],
  ['A=sk-a#b', { A: 'sk-a#b' }],
  ['A=#comment\nB=1', { A: '', B: '1' }],
];
for (const [text, values] of READ)
  test(`.env ${JSON.stringify(text)} is read`, () => assert.deepEqual([valuesOf(text), readEnvironmentText(text).faults], [values, []]));

const FAULTY: [string, number, RegExp][] = [
  ['A=1\njunk\nB=2', 2, /neither/],
  ['AGENT_API_KEY: sk-secret', 1, /neither/],
  ['A="1\n2"\n=x', 3, /neither/],
  ['A="unclosed\nB=2', 1, /does not close/],
  ['A="a\\"b"', 1, /after its closing quote/],
  ['1A=2', 1, /neither/],
  ['A B=2', 1, /neither/],
  ['A=1\rB=2', 1, /control character/],
];
for (const [text, line, message] of FAULTY) {
  test(`.env ${JSON.stringify(text)} has its faulty line named`, () => {
    const { faults } = readEnvironmentText(text);
    assert.equal(faults.length, 1);
    assert.equal(faults[0]?.line, line);
    assert.match(faults[0]?.message ?? '', message);
    assert(!faults[0]?.message.includes('sk-secret'));
  });
}

test("plain files are read as Node's own reader does", () => {
  const key = fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,8}$/).filter((name) => name !== '__proto__');
  const plain = fc.stringMatching(/^[\w.:/@=+-]([\w .:/@=+-]{0,10}[\w.:/@=+-])?$/);
  const quoted = fc.stringMatching(/^[\w #"\n.:/]{0,12}$/).map((value) => `'${value}'`);
  const line = fc.oneof(
    fc.tuple(key, fc.oneof(plain, quoted)).map(([name, value]) => `${name}=${value}`),
    fc.constantFrom('', '# a comment', '# with = and "'),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
      const text = lines.join('\n');
      assert.deepEqual(valuesOf(text), { ...parseEnv(text) });
    }),
  );
});

const anyText = fc
  .array(fc.constantFrom('# note', '', 'A=1', 'B="x\ny"', "export C='q'", 'junk', 'A=2 # again', '  D = 4'), { maxLength: 8 })
  .chain((lines) => fc.constantFrom(lines.join('\n'), lines.join('\r\n'), `${lines.join('\n')}\n`, `\uFEFF${lines.join('\n')}`));

test('a value that is set is read back, and every other line stays', () => {
  fc.assert(
    fc.property(anyText, fc.constantFrom('A', 'B', 'E'), fc.string({ maxLength: 20 }), (text, key, value) => {
      const changed = setEnvironmentValues(text, { [key]: value });
      if (!changed.ok) return assert.match(changed.error, /cannot be written/);
      assert.deepEqual(valuesOf(changed.value), { ...valuesOf(text), [key]: value });
      const others = (whole: string): string[] =>
        whole.split(/\r?\n/).filter((line) => !/^(A|B|E)=|^y"$/.test(line.replace('\uFEFF', '')) && line !== '');
      if (!value.includes('\n')) assert.deepEqual(others(changed.value), others(text));
    }),
  );
});

test('a value that no quotes can hold is refused without being shown', () => {
  const changed = setEnvironmentValues('', { AGENT_API_KEY: `a'b\`c"d` });
  assert(!changed.ok);
  assert(!changed.error.includes("a'b"));
});
