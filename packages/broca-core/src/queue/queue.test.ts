import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { createInbox, type Inbox } from '../inbox/receive.ts';
import type { Inbound } from '../message.ts';
import { createOutbox, type Outbox } from '../outbox/sqlite-outbox.ts';
import { openStore, type Store } from '../store/open.ts';
import type { Attempt } from '../turn/letta.ts';
import { createQueue, type Queue } from './sqlite-queue.ts';
import type { Turn } from './turn.ts';

const folder = mkdtempSync(join(tmpdir(), 'broca-queue-'));
after(() => rmSync(folder, { recursive: true }));

type Rig = { store: Store; inbox: Inbox; queue: Queue; outbox: Outbox; clock: { now: number } };
let files = 0;

function openRig(file: string, clock = { now: 1_000 }): Rig {
  const opened = openStore(file);
  assert.ok(opened.ok);
  const store = opened.value;
  const read = () => clock.now;
  const outbox = createOutbox(store, (_channel, text) => text.split('|'), read);
  return { store, outbox, queue: createQueue(store, outbox, read), inbox: createInbox(store, read, () => undefined), clock };
}

function newFile(): string {
  files += 1;
  return join(folder, `${files}.db`);
}

function inbound(chat: string, externalId: string, sender = 'ann'): Inbound {
  return {
    channel: 'spool',
    account: '',
    chat,
    externalId,
    sender: { id: sender, username: 'Ann' },
    text: `${chat} ${externalId}`,
    attachments: [],
    at: 5,
  };
}

const START = { endpoint: 'http://l', agentId: 'agent-1', text: 'x', images: [], seenMessageId: null, blockId: null };

test('a second delivery is a no-op, also after the turn is settled', () => {
  const { inbox, queue, store } = openRig(newFile());
  const first = inbox.receive(inbound('a', '1'));
  assert.deepEqual(first, { kind: 'stored', turnId: 1 });
  assert.deepEqual(inbox.receive(inbound('a', '1')), { kind: 'duplicate', turnId: 1 });
  const turn = queue.next(1_000);
  assert.ok(turn);
  queue.settle({ turn, as: 'silent', reason: null, texts: [], attempt: null, newestMessageId: null });
  assert.deepEqual(inbox.receive(inbound('a', '1')), { kind: 'duplicate', turnId: 1 });
  store.prepare('DELETE FROM turns').run();
  assert.deepEqual(inbox.receive(inbound('a', '1')), { kind: 'duplicate', turnId: null }, 'the tombstone outlives the turn');
  assert.equal(inbox.receive(inbound('b', '1')).kind, 'stored', 'the same id in another chat is another message');
  store.close();
});

test('one sender is one user, whatever they write and wherever', () => {
  const { inbox, store } = openRig(newFile());
  for (const chat of ['a', 'b', 'c']) inbox.receive(inbound(chat, '1'));
  inbox.receive(inbound('a', '2', 'bob'));
  assert.equal(store.prepare('SELECT count(*) FROM users').pluck().get(), 2);
  assert.equal(store.prepare('SELECT count(*) FROM profiles').pluck().get(), 2);
  store.close();
});

test('who is ignored by id or name, or deactivated, is refused and leaves nothing behind', () => {
  const { inbox, store } = openRig(newFile());
  store.prepare("INSERT INTO ignored VALUES ('spool', '@ann', 0), ('spool', 'bob', 0)").run();
  assert.equal(inbox.receive(inbound('a', '1')).kind, 'refused');
  assert.equal(inbox.receive(inbound('a', '2', 'bob')).kind, 'refused');
  assert.equal(store.prepare('SELECT count(*) FROM turns').pluck().get(), 0);
  store.prepare('DELETE FROM ignored').run();
  inbox.receive(inbound('a', '3'));
  store.prepare('UPDATE users SET is_active = 0').run();
  assert.equal(inbox.receive(inbound('a', '4')).kind, 'refused');
  store.close();
});

test('a full disk acknowledges nothing and work goes on once there is room', () => {
  const { inbox, store } = openRig(newFile());
  const pages = store.pragma('page_count', { simple: true }) as number;
  store.pragma(`max_page_count = ${pages}`);
  const receipts = Array.from({ length: 400 }, (_, index) => inbox.receive(inbound('a', String(index))));
  const stored = receipts.filter(({ kind }) => kind === 'stored').length;
  assert.ok(stored < 400);
  assert.deepEqual(receipts.at(-1), { kind: 'unavailable', reason: 'the disk is full' });
  assert.equal(store.prepare('SELECT count(*) FROM inbounds').pluck().get(), stored);
  store.pragma('max_page_count = 1000000');
  assert.equal(inbox.receive(inbound('a', '399')).kind, 'stored');
  store.close();
});

test('what was running when the process ended is found, with its attempt as it left', () => {
  const file = newFile();
  const rig = openRig(file);
  rig.inbox.receive(inbound('a', '1'));
  const turn = rig.queue.next(1_000);
  assert.ok(turn);
  const attempt = rig.queue.begin({ turn, ...START });
  assert.ok(attempt);
  rig.queue.recordRun(attempt, 'run-7');
  assert.equal(rig.queue.inDoubtSince(attempt), null);
  rig.queue.recordDoubt(attempt, 900);
  rig.store.close();

  const again = openRig(file);
  const running = again.queue.running();
  assert.deepEqual(running?.attempt, { ...attempt, runId: 'run-7' });
  assert.equal(again.queue.inDoubtSince(attempt), 900);
  assert.equal(again.queue.inDoubtSince({ ...attempt, number: 2 }), null, 'another attempt has a doubt of its own');
  assert.equal(again.queue.next(1_000), null, 'a running turn is not begun again');
  assert.match(attempt.otid, /^[0-9a-f-]{36}-1:1$/);
  again.store.close();
});

test('parts keep their order in a chat, and a part that waits holds no other chat', () => {
  const { inbox, queue, outbox, store } = openRig(newFile());
  for (const chat of ['a', 'b']) inbox.receive(inbound(chat, '1'));
  for (let turn = queue.next(1_000); turn !== null; turn = queue.next(1_000)) {
    queue.settle({ turn, as: 'answered', reason: null, texts: ['one|two', 'three'], attempt: null, newestMessageId: null });
  }
  const first = outbox.next('spool', 1_000);
  assert.ok(first);
  assert.deepEqual([first.chat, first.text, first.number, first.count, first.inReplyTo], ['a', 'one', 1, 3, '1']);
  outbox.markSending(first);
  outbox.putBack(first, 9_000, 1, 'FLOOD_WAIT');
  const other = outbox.next('spool', 1_000);
  assert.equal(other?.chat, 'b');
  outbox.markSending(other);
  outbox.settle(other, { state: 'sent', platformId: null, reason: null });
  assert.equal(outbox.next('spool', 1_000)?.text, 'two');
  const resent = outbox.next('spool', 9_000);
  assert.ok(resent);
  store.close();
});

test('a part that was being sent is sent again with its key, or given up as uncertain', () => {
  const file = newFile();
  const rig = openRig(file);
  rig.inbox.receive(inbound('a', '1'));
  const turn = rig.queue.next(1_000);
  assert.ok(turn);
  rig.queue.settle({ turn, as: 'answered', reason: null, texts: ['one|two'], attempt: null, newestMessageId: null });
  const part = rig.outbox.next('spool', 1_000);
  assert.ok(part);
  rig.outbox.markSending(part);
  rig.store.close();

  const again = openRig(file, { now: 2_000 });
  assert.deepEqual(again.outbox.recover('spool', true), { again: 1, uncertain: 0 });
  const resent = again.outbox.next('spool', 2_000);
  assert.ok(resent);
  assert.equal(resent.key, part.key);
  assert.equal(resent.firstSentAt, 1_000);
  again.outbox.markSending(resent);
  assert.deepEqual(again.outbox.recover('spool', false), { again: 0, uncertain: 1 });
  assert.equal(again.outbox.next('spool', 2_000)?.text, 'two', 'the rest of the reply goes on');
  again.store.close();
});

test('neither a long history of a conversation nor a long backlog makes a turn slower', () => {
  const { inbox, queue, store, clock } = openRig(newFile());
  store.pragma('synchronous = OFF');
  const insert = (chat: string, count: number, state: string): void => {
    inbox.receive(inbound(chat, '0'));
    store
      .prepare(
        `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
         INSERT INTO turns (conversation_id, profile_id, state, due_at, created_at)
         SELECT (SELECT id FROM conversations WHERE chat = ?), 1, ?, 0, 0 FROM numbers`,
      )
      .run(count, chat, state);
  };
  /** Median of storing, taking and settling one turn, in ms. */
  const measure = (chat: string): number => {
    const times = Array.from({ length: 41 }, (_, index) => {
      const startedAt = performance.now();
      inbox.receive(inbound(chat, `${chat} ${index + 1}`));
      const turn = queue.next(clock.now);
      assert.ok(turn);
      queue.settle({ turn, as: 'silent', reason: null, texts: [], attempt: null, newestMessageId: null });
      return performance.now() - startedAt;
    });
    return times.toSorted((one, other) => one - other)[20] ?? 0;
  };
  const fresh = measure('fresh');
  insert('old', 20_000, 'settled');
  const old = measure('old');
  insert('behind', 20_000, 'queued');
  const behind = measure('behind');
  // Walking 20 000 rows takes some milliseconds; what is allowed here is noise.
  assert.ok(old < fresh * 3 + 0.5 && behind < fresh * 3 + 0.5, `${fresh} ms fresh, ${old} ms with a history, ${behind} ms with a backlog`);
  store.close();
});

/** What a run of the model remembers: which turns are open, and the order settled ones of a chat came in. */
type Model = { received: Set<string>; settledOrder: Map<string, string[]>; running: Attempt | null };

const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('receive' as const),
      chat: fc.constantFrom('a', 'b', 'c'),
      id: fc.integer({ min: 0, max: 9 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('settle', 'park', 'wait', 'begin') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('crash', 'later') }) },
);

test('whatever happens: each message has one turn, a chat keeps its order, nothing is stuck', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const file = newFile();
      let rig = openRig(file);
      const model: Model = { received: new Set(), settledOrder: new Map(), running: null };
      for (const one of steps) rig = take(one, rig, model, file);
      drain(rig, model);
      const turns = rig.store.prepare("SELECT count(*) FROM turns WHERE state IN ('settled', 'parked')").pluck().get();
      assert.equal(turns, model.received.size);
      for (const order of model.settledOrder.values())
        assert.deepEqual(
          order,
          order.toSorted((a, b) => Number(a) - Number(b)),
        );
      rig.store.close();
    }),
    { numRuns: 60 },
  );
});

function take(one: { kind: string; chat?: string; id?: number }, rig: Rig, model: Model, file: string): Rig {
  const { queue, inbox, clock } = rig;
  if (one.kind === 'receive') {
    const key = `${one.chat}/${one.id}`;
    const receipt = inbox.receive(inbound(one.chat ?? '', String(one.id)));
    assert.equal(receipt.kind, model.received.has(key) ? 'duplicate' : 'stored');
    model.received.add(key);
  } else if (one.kind === 'crash') {
    rig.store.close();
    return openRig(file, clock);
  } else if (one.kind === 'later') {
    clock.now += 10_000;
  } else {
    act(one.kind, rig, model);
  }
  const open = rig.store.prepare("SELECT count(*) FROM turns WHERE state IN ('waiting', 'running') GROUP BY conversation_id").pluck().all();
  assert.ok(
    open.every((count) => count === 1),
    'one turn of a chat is at the front',
  );
  assert.equal(queue.running()?.turn.id ?? null, model.running?.turnId ?? null);
  return rig;
}

function act(kind: string, { queue, clock }: Rig, model: Model): void {
  const running = queue.running();
  const turn = running?.turn ?? queue.next(clock.now);
  if (turn === null) return;
  if (kind === 'begin') {
    if (running === null) model.running = queue.begin({ turn, ...START });
    return;
  }
  const attempt = running === null ? null : { number: running.attempt.number, outcome: kind, reason: null };
  model.running = null;
  if (kind === 'wait') {
    queue.putBack({ turn, dueAt: clock.now + 5_000, failures: turn.failures + 1, unavailableSince: null, reason: 'x', attempt });
    return;
  }
  if (kind === 'settle') queue.settle({ turn, as: 'silent', reason: null, texts: [], attempt, newestMessageId: null });
  else queue.park(turn, 'why', [], attempt);
  const order = model.settledOrder.get(turn.chat) ?? [];
  model.settledOrder.set(turn.chat, [...order, String(turn.id)]);
}

function drain(rig: Rig, model: Model): void {
  for (;;) {
    rig.clock.now += 10_000;
    if (rig.queue.running() === null && rig.queue.next(rig.clock.now) === null) return;
    act('settle', rig, model);
  }
}

test('a turn that is retried and fails again tells its sender no second time; an answer is always handed over', () => {
  const { inbox, queue, store } = openRig(newFile());
  inbox.receive(inbound('a', '1'));
  const parts = () => store.prepare("SELECT text FROM parts WHERE state <> 'refused' ORDER BY id").pluck().all();
  const retried = (): Turn => {
    store.prepare("UPDATE turns SET state = 'waiting', outcome = NULL").run();
    const turn = queue.next(1_000);
    assert.ok(turn);
    return turn;
  };
  queue.park(retried(), 'Letta failed once', ['Sorry.'], null);
  queue.park(retried(), 'Letta failed once', ['Sorry.'], null);
  queue.settle({ turn: retried(), as: 'refused', reason: 'x', texts: ['Sorry again.'], attempt: null, newestMessageId: null });
  assert.deepEqual(parts(), ['Sorry.']);
  store.prepare("UPDATE parts SET state = 'refused'").run();
  queue.park(retried(), 'Letta failed once', ['Sorry.'], null);
  assert.deepEqual(parts(), ['Sorry.'], 'what the channel refused was not read');
  queue.settle({ turn: retried(), as: 'answered', reason: null, texts: ['Hello.'], attempt: null, newestMessageId: null });
  assert.deepEqual(parts(), ['Sorry.', 'Hello.']);
  store.close();
});
