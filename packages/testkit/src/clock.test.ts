import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from './clock.ts';

test('calls fall due in order, each at its own time, also those that a call adds', async () => {
  const clock = new FakeClock(0);
  const seen: [string, number][] = [];
  const note = (name: string) => (): void => void seen.push([name, clock.now()]);
  clock.after(20, note('b'));
  clock.after(10, () => {
    note('a')();
    clock.after(5, note('a2'));
  });
  const cancel = clock.after(15, note('never'));
  cancel();
  clock.after(31, note('later'));
  await clock.advance(30);
  assert.deepEqual(seen, [
    ['a', 10],
    ['a2', 15],
    ['b', 20],
  ]);
  assert.deepEqual([clock.now(), clock.nextAt], [30, 31]);
});

test('a machine that slept calls what fell due meanwhile, late', async () => {
  const clock = new FakeClock(0);
  const seen: number[] = [];
  clock.after(10, () => seen.push(clock.now()));
  await clock.sleepThrough(1_000);
  assert.deepEqual(seen, [1_000]);
});

test('what a call starts has settled before the next', async () => {
  const clock = new FakeClock(0);
  const seen: string[] = [];
  clock.after(1, () => void Promise.resolve().then(() => seen.push('settled')));
  clock.after(2, () => seen.push('next'));
  await clock.advance(2);
  assert.deepEqual(seen, ['settled', 'next']);
});
