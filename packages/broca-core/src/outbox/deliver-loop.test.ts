import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { COMMANDS } from '../commands/commands.ts';
import { createInbox } from '../inbox/receive.ts';
import { Alarm } from '../lifecycle/alarm.ts';
import { openInHand } from '../queue/in-hand.ts';
import { CRASH_RESTS_MS } from '../queue/poison-policy.ts';
import { createQueue } from '../queue/sqlite-queue.ts';
import { TurnEvents } from '../queue/turn-events.ts';
import { openStore } from '../store/open.ts';
import { type DeliverLoopDependencies, deliverNext, recoverParts } from './deliver-loop.ts';
import { createOutbox } from './sqlite-outbox.ts';

test('a channel that kills Broca with each part does so as often as it may with the first, and once with each other part of the reply', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'broca-deliver-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const opened = openStore(join(folder, 'animus.db'));
  assert.ok(opened.ok);
  const store = opened.value;
  const inHand = join(folder, 'in-hand');
  let now = 1_000;
  const clock = () => now;
  const outbox = createOutbox(store, (_channel, text) => text.split('|'), clock);
  const queue = createQueue(store, outbox, clock);
  const sender = { id: 's' };
  createInbox(store, clock, () => undefined).receive({
    channel: 'a',
    account: '',
    chat: 'c',
    externalId: '1',
    sender,
    text: 'x',
    attachments: [],
    at: 0,
  });
  const turn = queue.next(now);
  assert.ok(turn);
  queue.settle({ turn, as: 'answered', reason: null, texts: ['one|two|three'], attempt: null, newestMessageId: null });
  const dead = new Error('the process ended here');
  const deps: DeliverLoopDependencies = {
    name: 'a',
    capabilities: { idempotent: true, longestPart: null, markup: 'plain' },
    channel: { deliver: () => Promise.reject(dead) },
    sendableAt: () => 0,
    wentDown: () => undefined,
    outbox,
    inHand: openInHand(inHand),
    events: new TurnEvents(),
    alarm: new Alarm(),
    clock,
    giveUpAfterMs: () => 1e9,
    onStorage: () => undefined,
  };
  const crashes: number[] = [];
  for (let part = 1; part <= 3; part += 1) {
    crashes.push(0);
    while (store.prepare("SELECT state FROM parts WHERE number = ? AND state <> 'uncertain'").get(part) !== undefined) {
      crashes[part - 1] = (crashes[part - 1] ?? 0) + 1;
      await assert.rejects(deliverNext(deps, new AbortController().signal), dead);
      recoverParts({ ...deps, inHand: openInHand(inHand) });
      now += Math.max(...CRASH_RESTS_MS);
      if (part > 1 || crashes[0] !== 3) continue;
      const shown = await COMMANDS['queue.list']?.({}, { store, folder, now: clock, live: null, signal: new AbortController().signal });
      assert.ok(shown?.ok);
      assert.deepEqual(
        (shown.value as { crashes: number; partCrashes: number }[]).map((row) => [row.crashes, row.partCrashes]),
        [[0, 3]],
      );
    }
  }
  assert.deepEqual(crashes, [CRASH_RESTS_MS.length + 1, 1, 1]);
  store.close();
});
