/**
 * The promise, proven: whatever the schedule of arrivals, faults and crashes, a stored message ends in
 * one outcome, Letta runs at most one answered turn for it, and each part is shown once, in order.
 * Every step between two durable writes may be the last of its process.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import type { ChannelFault } from './model-channel.fixture.ts';
import type { LettaFault } from './model-letta.fixture.ts';
import { World } from './world.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'broca-crash-'));
after(() => rmSync(folder, { recursive: true }));

const lettaFault = fc.constantFrom<LettaFault[]>(
  'none',
  'refused',
  'lost',
  'delayed',
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

const action = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('arrive' as const), chat: fc.constantFrom('a', 'b'), id: fc.integer({ min: 0, max: 7 }) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('turn' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('deliver' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('later' as const) }) },
);
/** `crashAt`: at which of the points that the action passes its process ends; null when it lives. */
const scheduled = fc.record({ action, crashAt: fc.option(fc.integer({ min: 0, max: 9 }), { freq: 2 }) });

let files = 0;

test('no schedule of crashes and faults loses a message, asks twice, shows twice or out of order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(scheduled, { maxLength: 25 }),
      fc.array(lettaFault, { maxLength: 10 }),
      fc.array(channelFault, { maxLength: 10 }),
      async (schedule, lettaFaults, channelFaults) => {
        files += 1;
        const world = new World(join(folder, `${files}.db`), lettaFaults, channelFaults);
        try {
          for (const step of schedule) await world.take(step.action, step.crashAt);
          await world.drain();
          world.check();
        } finally {
          world.close();
        }
      },
    ),
    { numRuns: 150 },
  );
});
