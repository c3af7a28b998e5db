import assert from 'node:assert/strict';
import { test } from 'node:test';
import { column, printable, renderFields, renderTable } from './render.ts';
import { report } from './reports.ts';

test('what others wrote cannot steer a terminal', () => {
  assert.equal(printable('a\u001b]0;title\u0007\u009b2J\r\nb\u202ec'), 'a\\u{1b}]0;title\\u{7}\\u{9b}2J\\u{d}\nb\\u{202e}c');
  const table = renderTable([{ text: 'one\n\u001b[31mtwo' }], [column('TEXT', 'text')], '');
  assert.equal(table, 'TEXT\none \\u{1b}[31mtwo\n');
});

test('a table keeps its columns, cuts long cells and bears what is missing', () => {
  const rows = [{ id: 1, text: 'é'.repeat(70) }, { id: 22 }, null, 'no row'];
  const lines = renderTable(rows, [column('ID', 'id'), column('TEXT', 'text')], '').split('\n');
  assert.deepEqual(lines, ['ID  TEXT', `1   ${'é'.repeat(59)}…`, '22', '', '', '']);
  assert.equal(renderTable([], [column('ID', 'id')], 'Nothing.'), 'Nothing.\n');
  assert.equal(renderFields({ a: 'x\ny', b: null }, [column('long name', 'a'), column('b', 'b')]), 'long name: x\n           y\n');
});

test('queue show says of attempts that are no longer there that they were', () => {
  const shown = (numbers: number[]): string => report('queue.show', { id: 1, attempts: numbers.map((number) => ({ number })), parts: [] });
  assert.match(shown([7]), /\n7 attempts were made; the 6 not shown came to nothing, and are not kept\.\n/);
  for (const numbers of [[], [1], [1, 2]]) assert.doesNotMatch(shown(numbers), /not kept/);
});
