import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeFrame, FrameDecoder, LineDecoder } from './framing.ts';

test('frames come out as they went in, however they are cut, and whatever becomes of the memory they came in', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue(), { maxLength: 5 }), fc.array(fc.integer({ min: 1, max: 9 })), (values, cuts) => {
      const bytes = Buffer.from(values.map(encodeFrame).join('\n'));
      const shared = Buffer.alloc(16);
      const [frames, lines] = [new FrameDecoder(), new LineDecoder()];
      const [read, told]: [unknown[], string[]] = [[], []];
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const length = Math.min(cuts[turn % Math.max(1, cuts.length)] ?? 9, bytes.length - at);
        // What lies behind the chunk in the memory is of an earlier one.
        shared.fill('\n');
        bytes.copy(shared, 0, at, at + length);
        const [found, line] = [frames.push(shared.subarray(0, length)), lines.push(shared, length)];
        assert.ok(found.ok && line.ok);
        read.push(...found.value);
        told.push(...line.value);
        at += length;
      }
      assert.deepEqual(
        read,
        values.map((value) => JSON.parse(JSON.stringify(value))),
      );
      assert.deepEqual(
        told,
        values.map((value) => JSON.stringify(value)),
      );
    }),
  );
});

test('what is no JSON, or without an end, is refused', () => {
  assert.equal(new FrameDecoder().push(Buffer.from('{"type":\n')).ok, false);
  const decoder = new LineDecoder();
  const chunk = Buffer.alloc(9 * 1024 * 1024, 'x');
  assert.equal(decoder.push(chunk).ok, true);
  assert.equal(decoder.push(chunk).ok, false);
});
