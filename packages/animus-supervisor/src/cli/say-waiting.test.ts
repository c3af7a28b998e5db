import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sayWaiting } from './say-waiting.ts';

test('only a wait that lasts is told of', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const said: string[] = [];
  const screen = { complain: (line: string) => void said.push(line), paint: (_colour: string, text: string) => text };
  assert.equal(await sayWaiting(Promise.resolve(1), 'quick', screen), 1);
  t.mock.timers.tick(5_000);
  const { promise, resolve } = Promise.withResolvers<number>();
  const slow = sayWaiting(promise, 'turns in hand', screen);
  t.mock.timers.tick(1_000);
  resolve(2);
  assert.equal(await slow, 2);
  assert.deepEqual(said, ['turns in hand …']);
});
