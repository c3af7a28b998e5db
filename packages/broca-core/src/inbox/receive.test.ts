import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DEFAULT_LIMITS, type MessageLimits } from 'animus-protocol';
import type { Attachment, Inbound } from '../message.ts';
import { createOutbox } from '../outbox/sqlite-outbox.ts';
import { createQueue } from '../queue/sqlite-queue.ts';
import { openStore } from '../store/open.ts';
import { createInbox } from './receive.ts';

function openRig(t: TestContext, limits: Partial<MessageLimits>) {
  const folder = mkdtempSync(join(tmpdir(), 'broca-inbox-'));
  const opened = openStore(join(folder, 'animus.db'), 0);
  assert.ok(opened.ok);
  const { store } = opened.value;
  t.after(() => {
    store.close();
    rmSync(folder, { recursive: true });
  });
  const rules = { limits: () => ({ ...DEFAULT_LIMITS, ...limits }), isShort: () => false, onStorage: () => undefined };
  const inbox = createInbox(
    store,
    () => 1_000,
    () => undefined,
    rules,
  );
  const outbox = createOutbox(
    store,
    (_channel, text) => [text],
    () => 1_000,
  );
  return { inbox, store, queue: createQueue(store, outbox, () => 1_000) };
}

let count = 0;
function inbound(sender: string, more: Partial<Inbound> = {}): Inbound {
  count += 1;
  return {
    channel: 'spool',
    account: '',
    chat: sender,
    externalId: `${count}`,
    sender: { id: sender },
    text: 'x',
    attachments: [],
    at: 0,
    ...more,
  };
}

function file(bytes: number): Attachment {
  return { path: 'attachments/x', type: 'image/png', bytes } as Attachment;
}

test('what is too much is refused in words that say what to do, and leaves nothing behind', (t) => {
  const { inbox, store } = openRig(t, { messageLength: 10, attachments: 1, attachmentBytes: 3 * 1024 * 1024 });
  const reasonOf = (more: Partial<Inbound>): string => {
    const receipt = inbox.receive(inbound('ann', more));
    return receipt.kind === 'refused' ? receipt.reason : receipt.kind;
  };
  assert.equal(reasonOf({ text: 'x'.repeat(10) }), 'stored');
  assert.equal(reasonOf({ text: 'x'.repeat(11) }), 'the message is longer than 10 characters: send it in parts');
  assert.equal(reasonOf({ attachments: [file(5), file(5)] }), 'more than 1 files in one message: send fewer');
  assert.equal(reasonOf({ attachments: [file(3 * 1024 * 1024 + 1)] }), 'a file is larger than 3 MB: send a smaller one');
  assert.equal(store.prepare('SELECT count(*) FROM turns').pluck().get(), 1);
});

test('one sender may have so many waiting, all together so many; an answer makes room', (t) => {
  const { inbox, queue } = openRig(t, { waitingPerSender: 2, waiting: 3 });
  const kinds = (...senders: string[]) => senders.map((sender) => inbox.receive(inbound(sender)).kind);
  assert.deepEqual(kinds('ann', 'ann', 'ann', 'bob', 'cat'), ['stored', 'stored', 'refused', 'stored', 'refused']);
  const turn = queue.next(1_000);
  assert.ok(turn);
  queue.settle({ turn, as: 'silent', reason: null, texts: [], attempt: null, newestMessageId: null });
  assert.deepEqual(kinds('cat', 'ann'), ['stored', 'refused'], 'full again');
});

test('several in one go: a receipt for each, bounds hold among them, and one that comes twice is one', (t) => {
  const { inbox } = openRig(t, { waitingPerSender: 2 });
  const twice = inbound('ann');
  const receipts = inbox.receiveAll([twice, inbound('ann', { text: ' ' }), twice, inbound('ann'), inbound('ann')]);
  assert.deepEqual(
    receipts.map(({ kind }) => kind),
    ['stored', 'refused', 'duplicate', 'stored', 'refused'],
  );
});
