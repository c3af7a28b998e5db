import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Waker } from './waker.ts';

test('a wake ends every sleep, calls who asked once, and whoever took it back not at all', async () => {
  const waker = new Waker();
  const called: string[] = [];
  waker.next(() => called.push('one'));
  waker.next(() => called.push('two'))();
  const sleeping = Promise.all([waker.sleep(null), waker.sleep(1_000_000)]);
  waker.wake();
  await sleeping;
  waker.wake();
  assert.deepEqual(called, ['one']);
  await waker.sleep(0);
});
