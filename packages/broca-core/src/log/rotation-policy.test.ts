import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isRotated, listExpired, mustRotate, nameRotated } from './rotation-policy.ts';

const NOON = Date.UTC(2026, 10, 23, 12);
const ROWS: [string, number, number | null, number, number, boolean][] = [
  ['an empty file', 0, null, 5, NOON, false],
  ['a line longer than the limit in an empty file', 0, null, 500, NOON, false],
  ['room left', 50, NOON - 1, 50, NOON, false],
  ['no room left', 51, NOON - 1, 50, NOON, true],
  ['yesterday', 1, NOON - 13 * 3_600_000, 1, NOON, true],
  ['midnight UTC', 1, Date.UTC(2026, 10, 23) - 1, 1, Date.UTC(2026, 10, 23), true],
  ['the clock went back', 1, NOON + 48 * 3_600_000, 1, NOON, false],
];
for (const [name, bytes, writtenAt, next, now, expected] of ROWS) {
  test(`rotation: ${name}`, () => assert.equal(mustRotate({ bytes, writtenAt }, next, 100, now), expected));
}

test('only our own old files go', () => {
  const files = [
    'broca-20261115T235959999Z.log',
    'broca-20261116T120000000Z.log',
    'broca-20261123T115959999Z.log',
    'broca.log',
    'output.log',
    'broca-old.log',
    'broca-20200101T000000000Z.log.gz',
    'other-20200101T000000000Z.log',
  ];
  const rotated = files.filter((file) => isRotated('broca.log', file)).map((name) => ({ name, bytes: 1_000 }));
  assert.equal(rotated.length, 3);
  assert.deepEqual(listExpired('broca.log', rotated, { oldest: new Date(NOON - 7 * 86_400_000).toISOString(), bytes: 3_000 }), [
    'broca-20261115T235959999Z.log',
  ]);
});

test('the oldest go when all together are too large, however young they are', () => {
  const rotated = [1, 2, 3, 4].map((hour) => ({ name: `broca-20261123T0${hour}0000000Z.log`, bytes: 1_000 }));
  const expired = (bytes: number): string[] => listExpired('broca.log', rotated, { oldest: new Date(0).toISOString(), bytes });
  assert.deepEqual(expired(4_000), []);
  assert.deepEqual(expired(2_999), ['broca-20261123T020000000Z.log', 'broca-20261123T010000000Z.log']);
  assert.equal(expired(1).length, 4);
});

test('a file goes once it is older than the limit, not before', () => {
  const instant = fc.date({ min: new Date('1971-01-01'), max: new Date('2100-01-01'), noInvalidDate: true });
  fc.assert(
    fc.property(instant, instant, (rotated, oldest) => {
      const name = nameRotated('broca.log', rotated.toISOString());
      const expired = listExpired('broca.log', [{ name, bytes: 1 }], { oldest: oldest.toISOString(), bytes: 1 });
      assert.equal(expired.length === 1, rotated < oldest);
    }),
  );
});
