import assert from 'node:assert/strict';
import { test } from 'node:test';
import { holdsLogin } from './client.ts';

test('a session is one with a key in it', async () => {
  const key = Buffer.alloc(256, 7);
  const address = Buffer.from('149.154.167.50');
  const ours = Buffer.concat([Buffer.from([2, 0, address.length]), address, Buffer.from([1, 187]), key]);
  assert.equal(await holdsLogin(`1${ours.toString('base64')}`), true);
  const telethon = Buffer.concat([Buffer.from([2, 149, 154, 167, 50, 1, 187]), key]);
  assert.equal(await holdsLogin(`1${telethon.toString('base64')}`), true);
  for (const wrong of ['', '2abc', `1${ours.subarray(0, 100).toString('base64')}`, 'x'])
    assert.equal(await holdsLogin(wrong), false, wrong);
});
