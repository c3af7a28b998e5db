import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { splitText } from './split-policy.ts';

test('a text that fits is one part, an empty one none', () => {
  assert.deepEqual(splitText(' hello\n', null), ['hello']);
  assert.deepEqual(splitText('hello', 5), ['hello']);
  assert.deepEqual(splitText(' \n ', 5), []);
});

test('cuts fall at paragraphs before lines before sentences before words', () => {
  assert.deepEqual(splitText('first one.\n\nsecond one. third', 20), ['first one.', 'second one. third']);
  assert.deepEqual(splitText('first line\nsecond line', 14), ['first line', 'second line']);
  assert.deepEqual(splitText('One sentence. Another sentence.', 20), ['One sentence.', 'Another sentence.']);
  assert.deepEqual(splitText('aaaaaaa bbbbbbb', 10), ['aaaaaaa', 'bbbbbbb']);
  assert.deepEqual(splitText('a'.repeat(25), 10), ['a'.repeat(10), 'a'.repeat(10), 'a'.repeat(5)]);
});

test('no part is too long or empty, no character is cut, nothing but white space is lost', () => {
  const text = fc
    .array(fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('\n\n', '\n', '. ', ' ', '😀', '👩‍👩‍👧')))
    .map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(text, fc.integer({ min: 2, max: 60 }), (whole, longest) => {
      const parts = splitText(whole, longest);
      for (const part of parts) {
        assert.ok(part.length > 0 && part.length <= longest);
        assert.ok(!whole.isWellFormed() || part.isWellFormed());
      }
      assert.equal(parts.join('').replace(/\s/g, ''), whole.replace(/\s/g, ''));
    }),
  );
});
