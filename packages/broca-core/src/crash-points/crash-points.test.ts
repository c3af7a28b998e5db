/**
 * The promise, proven: whatever the schedule of arrivals, faults and crashes, a stored message ends in
 * one outcome, Letta runs at most one answered turn for it, and each part is shown once, in order.
 * Every step between two durable writes may be the last of its process.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Mode } from 'animus-protocol';
import fc from 'fast-check';
import type { ChannelFault } from './model-channel.fixture.ts';
import type { LettaFault } from './model-letta.fixture.ts';
import { type Action, World } from './world.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'broca-crash-'));
after(() => rmSync(folder, { recursive: true }));

const lettaFault = fc.constantFrom<LettaFault[]>(
  'none',
  'refused',
  'lost',
  'delayed',
  'late',
  'answer-lost',
  'slow',
  'failed',
  'silent',
  'held',
  'rejected',
  'mute',
  'forgets',
);
const channelFault = fc.constantFrom<ChannelFault[]>('none', 'retry', 'down', 'answer-lost', 'lost', 'refused');

const arrival = fc.record({ chat: fc.constantFrom('a', 'b'), id: fc.integer({ min: 0, max: 7 }) });
const simple = (...kinds: Exclude<Action['kind'], 'arrive'>[]) => fc.record({ kind: fc.constantFrom(...kinds) });
const action = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('arrive' as const), messages: fc.array(arrival, { minLength: 1, maxLength: 4 }) }),
  },
  { weight: 4, arbitrary: simple('turn') },
  { weight: 4, arbitrary: simple('deliver') },
  { weight: 1, arbitrary: simple('later', 'fill-disk', 'make-room') },
);
/** `crashAt`: at which of the points that the action passes its process ends; null when it lives. */
const scheduled = fc.record({
  action,
  crashAt: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 2, arbitrary: fc.integer({ min: 0, max: 20 }) }),
});

/** Schedules that once broke the promise; tried first. */
const FOUND: [Mode, { action: Action; crashAt: number | null }[], LettaFault[], ChannelFault[]][] = [
  // A part that was refused, and shown after those behind it: the crash came before the refusal was recorded.
  [
    'live',
    [
      { action: { kind: 'arrive', messages: [{ chat: 'a', id: 0 }] }, crashAt: null },
      { action: { kind: 'turn' }, crashAt: null },
      {
        action: {
          kind: 'arrive',
          messages: [
            { chat: 'b', id: 0 },
            { chat: 'a', id: 0 },
          ],
        },
        crashAt: null,
      },
      { action: { kind: 'deliver' }, crashAt: 0 },
      { action: { kind: 'deliver' }, crashAt: 10 },
      { action: { kind: 'turn' }, crashAt: null },
      { action: { kind: 'deliver' }, crashAt: 16 },
    ],
    [],
    ['lost', 'refused'],
  ],
];

let files = 0;

test('no schedule of crashes and faults loses a message, asks twice, shows twice or out of order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom<Mode[]>('live', 'live', 'live', 'echo', 'listen'),
      fc.array(scheduled, { maxLength: 30, size: 'max' }),
      fc.array(lettaFault, { maxLength: 10, size: 'max' }),
      fc.array(channelFault, { maxLength: 10, size: 'max' }),
      async (mode, schedule, lettaFaults, channelFaults) => {
        files += 1;
        const world = new World(join(folder, `${files}.db`), mode, lettaFaults, channelFaults);
        try {
          for (const step of schedule) await world.take(step.action, step.crashAt);
          await world.drain();
          world.check();
        } finally {
          world.close();
        }
      },
    ),
    { numRuns: 120, examples: FOUND },
  );
});
