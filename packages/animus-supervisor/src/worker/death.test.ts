import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from 'animus-testkit';
import { KernelMemory } from '../observe/kernel-memory.ts';
import { type Exit, tellOutOfMemory } from './death.ts';

const V8 =
  '<--- Last few GCs --->\nFATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n----- Native stack trace -----\n';

test('out of memory is what V8 said before it aborted, or what the kernel counted as it killed', () => {
  const signalled = (signal: string): Exit => ({ kind: 'signalled', signal });
  const rows: [Exit, string | null, boolean, Exit][] = [
    [signalled('SIGABRT'), V8, false, { kind: 'out-of-memory', by: 'heap' }],
    [signalled('SIGSEGV'), V8, false, { kind: 'out-of-memory', by: 'heap' }],
    [signalled('SIGABRT'), 'Assertion failed', false, signalled('SIGABRT')],
    [signalled('SIGABRT'), null, true, signalled('SIGABRT')],
    [signalled('SIGKILL'), V8, false, signalled('SIGKILL')],
    [signalled('SIGKILL'), null, true, { kind: 'out-of-memory', by: 'kernel' }],
    [{ kind: 'exited', code: 1 }, V8, true, { kind: 'exited', code: 1 }],
  ];
  for (const [exit, words, isShort, told] of rows) {
    assert.deepEqual(
      tellOutOfMemory(
        exit,
        () => words,
        () => isShort,
      ),
      told,
    );
  }
});

test('the kernel’s kills count for a moment, each for one death, and only those since the last look', async () => {
  const clock = new FakeClock();
  let kills = 4;
  const memory = new KernelMemory(clock, () => `pgfault 9\noom_kill ${kills}\n`);
  assert.equal(memory.explainsDeath(), false);
  kills = 6;
  memory.look();
  await clock.advance(2_000);
  assert.deepEqual([memory.explainsDeath(), memory.explainsDeath(), memory.explainsDeath()], [true, true, false]);
  kills = 7;
  memory.look();
  await clock.advance(4_000);
  assert.equal(memory.explainsDeath(), false);
  assert.equal(new KernelMemory(clock, () => 'nothing of it').explainsDeath(), false);
});
