import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeInbound } from './inbound-policy.ts';

const PLAIN = { text: 'hello', extra: null, group: null, isEdit: false, forward: null, reply: null };

test('what surrounds a message stands in parentheses before it', () => {
  assert.equal(writeInbound(PLAIN), 'hello');
  assert.equal(writeInbound({ ...PLAIN, text: '', extra: '(a place: 1, 2)' }), '(a place: 1, 2)');
  const all = writeInbound({ ...PLAIN, group: 'The "team"', isEdit: true, reply: { who: 'Bea', text: 'one\n  two' } });
  assert.equal(all, `(in the group "The 'team'")\n(an earlier message, changed to this)\n(in reply to "Bea": "one two")\nhello`);
  assert.equal(writeInbound({ ...PLAIN, forward: { who: 'Bea"\n)' } }), `(forwarded, written by "Bea' )")\nhello`);
  assert.equal(writeInbound({ ...PLAIN, forward: { who: null } }), '(forwarded, written by you)\nhello');
  assert.equal(writeInbound({ ...PLAIN, reply: { who: null, text: 'x' } }), '(in reply to you: "x")\nhello');
});

test('a long quotation is cut, never within a character', () => {
  const line = writeInbound({ ...PLAIN, reply: { who: 'Bea', text: '😀'.repeat(500) } }).split('\n')[0] ?? '';
  assert.ok(line.length < 450 && line.isWellFormed() && line.endsWith('…")'));
});
