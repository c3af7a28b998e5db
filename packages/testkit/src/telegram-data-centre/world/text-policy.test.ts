import assert from 'node:assert/strict';
import test from 'node:test';
import { acceptText, ENTITY_LIMIT, TEXT_LIMIT } from './text-policy.ts';

const bold = (offset: number, length: number): { kind: string; offset: number; length: number } => ({ kind: 'Bold', offset, length });

test('white space around a text goes, and its entities move along', () => {
  assert.deepEqual(acceptText('  hello \n', [bold(0, 4), bold(5, 4)], TEXT_LIMIT, false), {
    ...{ kind: 'accepted', text: 'hello' },
    entities: [bold(0, 2), bold(3, 2)],
  });
});

test('what reaches out of the text or cuts a character is refused', () => {
  for (const entity of [bold(-1, 2), bold(0, 0), bold(3, 4), bold(2, 1)]) {
    assert.deepEqual(acceptText('ab😀c', [entity], TEXT_LIMIT, false), { kind: 'refused', error: 'ENTITY_BOUNDS_INVALID' });
  }
  assert.equal(acceptText('ab😀c', [bold(2, 2)], TEXT_LIMIT, false).kind, 'accepted');
});

test('inside code nothing else is shown, and entities beyond the limit are dropped', () => {
  const pre = { kind: 'Pre', offset: 0, length: 5, language: 'ts' };
  const quote = { kind: 'Blockquote', offset: 0, length: 11 };
  const accepted = acceptText('const plain', [quote, pre, bold(2, 2), bold(6, 5)], TEXT_LIMIT, false);
  assert.deepEqual(accepted.kind === 'accepted' && accepted.entities, [quote, pre, bold(6, 5)]);
  const many = Array.from({ length: ENTITY_LIMIT + 1 }, (_, index) => bold(index, 1));
  const kept = acceptText('x'.repeat(200), many, TEXT_LIMIT, false);
  assert.equal(kept.kind === 'accepted' && kept.entities.length, ENTITY_LIMIT);
});

test('an empty text is one only under a picture', () => {
  assert.deepEqual(acceptText(' ', [], TEXT_LIMIT, false), { kind: 'refused', error: 'MESSAGE_EMPTY' });
  assert.equal(acceptText(' ', [], TEXT_LIMIT, true).kind, 'accepted');
  assert.deepEqual(acceptText('x'.repeat(TEXT_LIMIT + 1), [], TEXT_LIMIT, false), { kind: 'refused', error: 'MESSAGE_TOO_LONG' });
});
