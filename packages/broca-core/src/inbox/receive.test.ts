import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DEFAULT_LIMITS, type MessageLimits } from 'animus-protocol';
import { createChannelStates } from '../channel/state.ts';
import type { Attachment, Inbound } from '../message.ts';
import { createOutbox } from '../outbox/sqlite-outbox.ts';
import { createQueue } from '../queue/sqlite-queue.ts';
import { openStore } from '../store/open.ts';
import { createInbox } from './receive.ts';

function openRig(t: TestContext, limits: Partial<MessageLimits>) {
  const clock = { now: 1_000 };
  const folder = mkdtempSync(join(tmpdir(), 'broca-inbox-'));
  const opened = openStore(join(folder, 'animus.db'));
  assert.ok(opened.ok);
  const store = opened.value;
  t.after(() => {
    store.close();
    rmSync(folder, { recursive: true });
  });
  const rules = { limits: () => ({ ...DEFAULT_LIMITS, ...limits }), isShort: () => false, onStorage: () => undefined };
  const inbox = createInbox(
    store,
    () => clock.now,
    () => undefined,
    rules,
  );
  const outbox = createOutbox(
    store,
    (_channel, text) => [text],
    () => 1_000,
  );
  return { clock, inbox, store, queue: createQueue(store, outbox, () => 1_000) };
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

test('rapid messages of one sender are one question, asked when a pause came or the wait is over', (t) => {
  const { inbox, queue, clock } = openRig(t, {});
  const say = (text: string, at: number, more: Partial<Inbound> = {}) => {
    clock.now = at;
    const receipt = inbox.receive(inbound('ann', { text, joinWithinMs: 100, ...more }));
    assert.ok(receipt.kind === 'stored');
    return receipt.turnId;
  };
  const first = say('one', 1_000);
  assert.equal(queue.next(1_050), null, 'it waits for a next one');
  assert.equal(say('two', 1_090), first);
  const turn = queue.next(1_190);
  assert.ok(turn?.text === 'one\ntwo' && turn.inReplyTo === `${count}`);
  assert.equal(say('after the pause', 1_300) === first, false);
  const other = say('bob in the same chat', 1_310, { sender: { id: 'bob' } });
  assert.equal(say('bob again', 1_320, { sender: { id: 'bob' } }), other);
  assert.equal(say('not to be joined', 1_330, { sender: { id: 'bob' }, joinWithinMs: 0 }) === other, false);
});

test('a message never joins a question that was asked, nor without end', (t) => {
  const { inbox, queue, clock } = openRig(t, {});
  const say = (at: number) => {
    clock.now = at;
    const receipt = inbox.receive(inbound('ann', { joinWithinMs: 100 }));
    return receipt.kind === 'stored' ? receipt.turnId : assert.fail(receipt.kind);
  };
  const turns = new Set(Array.from({ length: 12 }, (_, index) => say(1_000 + index * 99)));
  assert.equal(turns.size, 2, 'after ten windows another question begins');
  const turn = queue.next(10_000);
  assert.ok(turn);
  assert.ok(queue.begin({ turn, endpoint: '', agentId: '', text: '', images: [], seenMessageId: null, blockId: null }));
  queue.putBack({
    turn,
    dueAt: 0,
    failures: 1,
    unavailableSince: null,
    reason: '',
    attempt: { number: 1, outcome: 'retry', reason: null },
  });
  clock.now = 2_095;
  const receipt = inbox.receive(inbound('ann', { joinWithinMs: 100 }));
  assert.ok(receipt.kind === 'stored' && receipt.turnId !== turn.id);
});

test('what a channel remembers is changed with its messages, or not at all', (t) => {
  const { inbox, store } = openRig(t, {});
  const states = createChannelStates(store, () => undefined);
  const state = states.of('spool');
  const change = (changes: Record<string, string | null>) => () => states.change('spool', changes);
  inbox.receiveAll([inbound('ann')], change({ 'at:1': '5', 'at:2': '6', other: 'x' }));
  assert.deepEqual(state.list('at:'), [
    ['at:1', '5'],
    ['at:2', '6'],
  ]);
  assert.equal(states.of('telegram').get('other'), null, 'each channel has its own');
  const broken = { ...inbound('ann'), externalId: null as never };
  assert.throws(() => inbox.receiveAll([broken], change({ 'at:1': '7' })));
  assert.equal(state.get('at:1'), '5');
  assert.equal(state.put({ 'at:1': null }), true);
  assert.equal(state.get('at:1'), null);
});

test('who was ignored by name stays ignored under another one, and whoever takes the name is heard', (t) => {
  const { inbox, store } = openRig(t, {});
  store.prepare("INSERT INTO ignored (channel, sender, created_at) VALUES ('spool', '@spam', 0)").run();
  const knock = (sender: Inbound['sender']) => inbox.receive(inbound('ann', { sender })).kind;
  assert.equal(knock({ id: '5', username: 'Spam' }), 'refused');
  assert.deepEqual(store.prepare('SELECT channel, sender FROM ignored').all(), [{ channel: 'spool', sender: '5' }]);
  assert.equal(knock({ id: '5', username: 'innocent' }), 'refused');
  assert.equal(knock({ id: '6', username: 'spam' }), 'stored');
  assert.equal(inbox.isIgnored('spool', { id: '5' }), true);
  assert.equal(inbox.isIgnored('telegram', { id: '5' }), false);
});
