import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { makeScreen } from './render.ts';

test('a terminal that was closed takes no word any more, and fails nothing', async () => {
  const stderr = new PassThrough();
  const screen = makeScreen({ stdout: new PassThrough(), stderr: () => stderr, noColour: true });
  screen.complain('heard');
  assert.equal(String(stderr.read()), 'heard\n');
  const isClosed = new Promise((resolve) => stderr.once('close', resolve));
  stderr.destroy(Object.assign(new Error('write EIO'), { code: 'EIO' }));
  await isClosed;
  screen.complain('lost');
});

test('a pipe that was closed ends the printing and nothing else', async () => {
  const stdout = new PassThrough();
  const screen = makeScreen({ stdout, stderr: () => new PassThrough(), noColour: true });
  screen.print('heard');
  assert.equal(String(stdout.read()), 'heard\n');
  const isClosed = once(screen.closed, 'abort');
  stdout.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
  await isClosed;
  screen.print('lost');
  screen.printJson({});
  assert.equal(stdout.read(), null);
});
