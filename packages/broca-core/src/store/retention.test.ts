import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Retention } from 'animus-protocol';
import { createInbox, type Inbox } from '../inbox/receive.ts';
import { createOutbox, type Outbox } from '../outbox/sqlite-outbox.ts';
import { createQueue, type Queue } from '../queue/sqlite-queue.ts';
import { openStore, type Store } from './open.ts';
import { createRetain } from './retention.ts';

const DAY_MS = 86_400_000;

type Rig = { store: Store; inbox: Inbox; queue: Queue; outbox: Outbox; clock: { now: number } };

function openRig(t: TestContext): Rig {
  const folder = mkdtempSync(join(tmpdir(), 'broca-retention-'));
  const opened = openStore(join(folder, 'animus.db'));
  assert.ok(opened.ok);
  const store = opened.value;
  store.pragma('synchronous = OFF');
  t.after(() => {
    store.close();
    rmSync(folder, { recursive: true });
  });
  const clock = { now: 1_000 };
  const read = () => clock.now;
  const outbox = createOutbox(store, (_channel, text) => [text], read);
  return { store, outbox, inbox: createInbox(store, read, () => undefined), queue: createQueue(store, outbox, read), clock };
}

function write({ inbox, clock }: Rig, id: string, chat = 'a', text = 'hello'): ReturnType<Inbox['receive']> {
  return inbox.receive({
    channel: 'spool',
    account: '',
    chat,
    externalId: id,
    sender: { id: 'ann' },
    text,
    attachments: [],
    at: clock.now,
  });
}

function answer(rig: Rig, texts: string[] = []): void {
  const turn = rig.queue.next(rig.clock.now);
  assert.ok(turn);
  rig.queue.settle({ turn, as: 'echoed', reason: null, texts, attempt: null, newestMessageId: null });
}

function run(rig: Rig, retention: Retention): number {
  const retain = createRetain(rig.store, () => retention);
  let strides = 1;
  for (let waitMs = retain(rig.clock.now); waitMs < 1_000; waitMs = retain(rig.clock.now)) {
    rig.clock.now += waitMs;
    strides += 1;
  }
  return strides;
}

function numbers({ store }: Rig, sql: string): number[] {
  return store.prepare<[], number>(sql).pluck().all();
}

test('what was answered long ago goes with all that belongs to it; people, tombstones and open turns stay', (t) => {
  const rig = openRig(t);
  for (const id of ['old', 'parked', 'in doubt', 'unsent']) write(rig, id, id);
  answer(rig, ['sent']);
  const part = rig.outbox.next('spool', rig.clock.now);
  assert.ok(part);
  rig.outbox.markSending(part);
  rig.outbox.settle(part, { state: 'sent', platformId: null, reason: null });
  const parked = rig.queue.next(rig.clock.now);
  assert.ok(parked);
  rig.queue.park(parked, 'why', [], null);
  answer(rig, ['in doubt']);
  const doubtful = rig.outbox.next('spool', rig.clock.now);
  assert.ok(doubtful);
  rig.outbox.markSending(doubtful);
  rig.outbox.recover('spool', false);
  answer(rig, ['unsent']);
  write(rig, 'waits since then', 'b');
  rig.clock.now += 31 * DAY_MS;
  write(rig, 'young', 'young');
  const young = rig.queue.next(rig.clock.now);
  assert.equal(young?.chat, 'b');
  run(rig, { messagesMs: 30 * DAY_MS, databaseBytes: null });
  assert.deepEqual(numbers(rig, 'SELECT id FROM turns ORDER BY id'), [2, 3, 4, 5, 6]);
  assert.deepEqual(
    numbers(rig, 'SELECT turn_id FROM inbounds WHERE turn_id = 1 UNION ALL SELECT turn_id FROM parts WHERE turn_id = 1'),
    [],
  );
  assert.equal(numbers(rig, 'SELECT count(*) FROM users')[0], 1);
  assert.deepEqual(write(rig, 'old', 'old'), { kind: 'duplicate', turnId: null });
});

test('nothing is removed where nothing was said', (t) => {
  const rig = openRig(t);
  write(rig, '1');
  answer(rig);
  rig.clock.now += 10_000 * DAY_MS;
  assert.equal(createRetain(rig.store, () => ({ messagesMs: null, databaseBytes: null }))(rig.clock.now), Number.POSITIVE_INFINITY);
  assert.equal(numbers(rig, 'SELECT count(*) FROM turns')[0], 1);
});

test('a database in use beyond its bound loses the oldest, in small strides, until it fits', (t) => {
  const rig = openRig(t);
  for (let id = 0; id < 1_500; id += 1) {
    write(rig, `${id}`, 'a', 'x'.repeat(2_000));
    answer(rig);
  }
  const bytes = 2 * 1024 * 1024;
  assert.ok(run(rig, { messagesMs: null, databaseBytes: bytes }) > 3, 'in one stride it would hold up what comes meanwhile');
  const used = Number(rig.store.pragma('page_count', { simple: true })) - Number(rig.store.pragma('freelist_count', { simple: true }));
  assert.ok(used * 4096 <= bytes && used * 4096 > bytes / 2, `${used} pages`);
  const left = numbers(rig, 'SELECT id FROM turns ORDER BY id');
  assert.equal(left.at(-1), 1_500);
  assert.equal((left.at(-1) ?? 0) - (left[0] ?? 0) + 1, left.length, 'the newest are kept');
});

test('one pass is enough for an hour', (t) => {
  const rig = openRig(t);
  write(rig, '1');
  answer(rig);
  const retain = createRetain(rig.store, () => ({ messagesMs: DAY_MS, databaseBytes: null }));
  rig.clock.now += 2 * DAY_MS;
  assert.equal(retain(rig.clock.now), 3_600_000);
  write(rig, '2');
  assert.equal(retain(rig.clock.now + 1_000), 3_599_000);
});
