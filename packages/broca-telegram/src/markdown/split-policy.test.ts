import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Entity } from '../telegram.ts';
import type { Formatted } from './formatted.ts';
import { LONGEST_MESSAGE, MOST_ENTITIES, splitFormatted } from './split-policy.ts';

const word = fc.oneof(
  fc.constantFrom('snake_case', 'https://a.b/c_d', 'שלום', 'عربى', '👩‍👩‍👧', '🇩🇪', 'é', '…', '\n', '\n\n', '. ', '    ', '\t'),
  fc.string({ minLength: 1, maxLength: 12 }),
);
const text = fc.array(word, { maxLength: 80 }).map((words) => words.join(' ').toWellFormed());

/** Texts with entities anywhere, as long as they do not cut a character. */
const formatted: fc.Arbitrary<Formatted> = text.chain((whole) =>
  fc
    .array(fc.record({ type: fc.constantFrom('bold', 'italic', 'pre', 'code', 'link', 'quote'), from: fc.nat(), length: fc.nat(60) }), {
      maxLength: 8,
    })
    .map((raw) => ({
      text: whole,
      entities: raw
        .map(({ type, from, length }): Entity => ({ type: type as Entity['type'], ...within(whole, from, length) }))
        .filter((entity) => entity.length > 0)
        .sort((one, other) => one.offset - other.offset),
    })),
);

function within(whole: string, from: number, length: number): { offset: number; length: number } {
  const offset = whole.length === 0 ? 0 : from % whole.length;
  const start = isInside(whole, offset) ? offset + 1 : offset;
  const end = Math.min(whole.length, start + length);
  return { offset: start, length: Math.max(0, (isInside(whole, end) ? end + 1 : end) - start) };
}

function isInside(whole: string, index: number): boolean {
  return /[\uD800-\uDBFF]/.test(whole.charAt(index - 1)) && /[\uDC00-\uDFFF]/.test(whole.charAt(index));
}

/** What an entity marks, white space aside. */
function marked({ text: whole, entities }: Formatted): string[] {
  return entities.map(({ type, offset, length }) => `${type}:${whole.slice(offset, offset + length)}`.replace(/\s/g, ''));
}

test('the parts together are the text, white space at the cuts aside; none is too long, empty or cuts a character', () => {
  fc.assert(
    fc.property(formatted, fc.integer({ min: 2, max: 60 }), (whole, longest) => {
      const parts = splitFormatted(whole, longest, 5);
      assert.equal(
        parts
          .map((part) => part.text)
          .join('')
          .replace(/\s/g, ''),
        whole.text.replace(/\s/g, ''),
      );
      for (const part of parts) {
        assert.ok(part.text.length <= longest && part.text.trim() !== '', JSON.stringify(part.text));
        assert.ok(part.text.isWellFormed());
        assert.ok(part.entities.length <= 5);
      }
    }),
  );
});

test('every entity marks in the parts what it marked in the text, and never reaches out of its part', () => {
  fc.assert(
    fc.property(formatted, fc.integer({ min: 2, max: 60 }), (whole, longest) => {
      const parts = splitFormatted(whole, longest, 1000);
      for (const { text: part, entities } of parts) {
        for (const { offset, length } of entities) assert.ok(offset >= 0 && length > 0 && offset + length <= part.length);
      }
      for (const type of ['bold', 'pre', 'link'] as const) {
        const only = (one: Formatted): Formatted => ({ ...one, entities: one.entities.filter((entity) => entity.type === type) });
        const pieces = parts
          .flatMap((part) => marked(only(part)))
          .join('')
          .replaceAll(`${type}:`, '');
        const originals = marked(only(whole)).join('').replaceAll(`${type}:`, '');
        if (!overlapping(only(whole).entities)) assert.equal(pieces, originals);
      }
    }),
  );
});

function overlapping(entities: readonly Entity[]): boolean {
  return entities.some((one, index) => entities.some((other, at) => at > index && other.offset < one.offset + one.length));
}

test('cuts stand at an empty line before a line, at a line before a word, and outside of code', () => {
  const cut = (whole: string, longest: number, entities: Entity[] = []) =>
    splitFormatted({ text: whole, entities }, longest).map((part) => part.text);
  assert.deepEqual(cut('first one.\n\nsecond one. third', 20), ['first one.', 'second one. third']);
  assert.deepEqual(cut('first line\nsecond line', 14), ['first line', 'second line']);
  assert.deepEqual(cut('aaaaaaa bbbbbbb', 10), ['aaaaaaa', 'bbbbbbb']);
  const code = 'before it\n\nif x:\n    y\n\n    z\nafter';
  const pre: Entity = { type: 'pre', offset: 11, length: 20, language: 'python' };
  const [before, block] = splitFormatted({ text: code, entities: [pre] }, 24);
  assert.deepEqual([before?.text, block?.entities], ['before it', [{ type: 'pre', offset: 0, length: 20, language: 'python' }]]);
});

test('code that is too long for a message keeps its language and its indentation in each', () => {
  const lines = Array.from({ length: 400 }, (_, index) => `    line ${index} of the program`);
  const whole = lines.join('\n');
  const parts = splitFormatted({ text: whole, entities: [{ type: 'pre', offset: 0, length: whole.length, language: 'rust' }] });
  assert.ok(parts.length > 2);
  assert.equal(parts.map((part) => part.text).join('\n'), whole.trimStart());
  for (const part of parts) assert.deepEqual(part.entities, [{ type: 'pre', offset: 0, length: part.text.length, language: 'rust' }]);
});

test('a message holds no more entities than Telegram takes', () => {
  const words = Array.from({ length: 250 }, (_, index) => `w${index}`);
  const entities = words.map(
    (one, index): Entity => ({ type: 'bold', offset: words.slice(0, index).join(' ').length + (index > 0 ? 1 : 0), length: one.length }),
  );
  const parts = splitFormatted({ text: words.join(' '), entities });
  assert.ok(parts.every((part) => part.entities.length <= MOST_ENTITIES && part.text.length <= LONGEST_MESSAGE));
  assert.equal(
    parts.reduce((sum, part) => sum + part.entities.length, 0),
    250,
  );
});
