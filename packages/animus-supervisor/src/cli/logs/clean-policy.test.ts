import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { listToClean } from './clean-policy.ts';

const files = fc.uniqueArray(fc.record({ file: fc.string({ minLength: 1 }), bytes: fc.nat(1_000), at: fc.nat(1_000) }), {
  selector: ({ file }) => file,
});

test('what stays is young enough and within the bytes, and nothing goes that is younger than what stays for its bytes', () => {
  fc.assert(
    fc.property(files, fc.nat(1_000), fc.option(fc.nat(5_000)), (rotated, before, bytes) => {
      const gone = new Set(listToClean(rotated, { before, bytes }));
      const stays = rotated.filter((file) => !gone.has(file));
      assert.ok(stays.every(({ at }) => at >= before));
      if (bytes !== null) assert.ok(stays.reduce((sum, file) => sum + file.bytes, 0) <= bytes);
      const oldestLeft = Math.min(...stays.map(({ at }) => at));
      for (const file of gone) {
        if (file.at < before) continue;
        assert.notEqual(bytes, null, 'by age alone nothing young goes');
        assert.ok(file.at <= oldestLeft);
      }
    }),
  );
});
