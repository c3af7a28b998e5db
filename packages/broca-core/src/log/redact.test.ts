import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createLineRedactor, createTextRedactor } from './redact.ts';

const LINES: [string, string[], unknown, unknown][] = [
  ['a whole value', ['sk-123456'], { key: 'sk-123456' }, { key: '[redacted]' }],
  ['inside a message', ['sk-123456'], { m: 'Bearer sk-123456, sk-123456.' }, { m: 'Bearer [redacted], [redacted].' }],
  ['a key', ['sk-123456'], { 'sk-123456': 1 }, { '[redacted]': 1 }],
  ['nested', ['sk-123456'], { a: [{ b: 'x\nsk-123456\n' }] }, { a: [{ b: 'x\n[redacted]\n' }] }],
  ['with quotes', ['a"b\\c\nd'], { m: '<a"b\\c\nd>' }, { m: '<[redacted]>' }],
  ['in quoted JSON', ['a"b\\c\nd'], { m: JSON.stringify({ x: 'a"b\\c\nd' }) }, { m: '{"x":"[redacted]"}' }],
  ['in a URL', ['a/b+c=d e'], { u: 'https://x/?k=a%2Fb%2Bc%3Dd%20e' }, { u: 'https://x/?k=[redacted]' }],
  ['in a URL, small hex digits', ['a/b+c=d e'], { u: 'https://x/?k=a%2fb%2bc%3dd%20e' }, { u: 'https://x/?k=[redacted]' }],
  ['in a form', ['a/b+c=d e'], { u: 'k=a%2Fb%2Bc%3Dd+e' }, { u: 'k=[redacted]' }],
  ['one that contains another', ['secret', 'secret-long'], { m: 'secret-long secret' }, { m: '[redacted] [redacted]' }],
  ['pattern characters', ['(.*)+$?'], { m: 'x(.*)+$?x abc' }, { m: 'x[redacted]x abc' }],
  ['not inside an escape', ['nabcdef', 'u0000aa'], { m: '\nabcdef \u0000aa' }, { m: '\nabcdef \u0000aa' }],
  ['behind a backslash', ['nabcdef'], { m: '\\nabcdef' }, { m: '\\[redacted]' }],
  ['nothing else', ['sk-123456'], { m: 'SK-123456 sk-12345 1234567890 a@b.c' }, { m: 'SK-123456 sk-12345 1234567890 a@b.c' }],
];
for (const [name, secrets, value, expected] of LINES) {
  test(`redaction: ${name}`, () => assert.deepEqual(JSON.parse(createLineRedactor(secrets)(JSON.stringify(value))), expected));
}

test('text that is no JSON', () => {
  assert.equal(
    createTextRedactor(['a"b\\cd', 'nabcdef'])('x a"b\\cd {"k":"a\\"b\\\\cd"} C:\\nabcdef'),
    'x [redacted] {"k":"[redacted]"} C:\\[redacted]',
  );
});

test('wherever it stands it is gone, what is left is JSON, and lines without it stay as they are', () => {
  const secret = fc.string({
    unit: fc.constantFrom('a', 'b', 'n', 'u', '0', '"', '\\', '\n', '/', '%', ' ', 'é', '😀', '$'),
    minLength: 6,
    maxLength: 9,
  });
  const around = fc.string({ unit: fc.constantFrom('x', 'a', '"', '\\', '\n', '\u0000', ' ', 'é'), maxLength: 6 });
  const form = fc.constantFrom<(text: string) => string>(
    (text) => text,
    encodeURIComponent,
    (text) => JSON.stringify(text),
  );
  fc.assert(
    fc.property(secret, around, around, form, fc.boolean(), (value, before, after, write, isKey) => {
      const message = before + write(value) + after;
      const line = JSON.stringify(isKey ? { [message]: 1 } : { deep: [{ message }] });
      const redacted = createLineRedactor([value])(line);
      const parsed: unknown = JSON.parse(redacted);
      const left = isKey ? Object.keys(parsed as object)[0] : (parsed as { deep: { message: string }[] }).deep[0]?.message;
      assert(!left?.includes(write(value)), left);
      const other = JSON.stringify({ before, after, number: 123456 });
      if (!before.includes(value) && !after.includes(value)) assert.equal(createLineRedactor([`zzzzzz${value}`])(other), other);
    }),
    { numRuns: 1000 },
  );
});
