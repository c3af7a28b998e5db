import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { createInbox, type Inbox } from '../inbox/receive.ts';
import type { Inbound } from '../message.ts';
import { createOutbox, type Outbox } from '../outbox/sqlite-outbox.ts';
import { createQueue, type Queue } from '../queue/sqlite-queue.ts';
import type { Turn } from '../queue/turn.ts';
import { TurnEvents } from '../queue/turn-events.ts';
import { openStore, type Store } from '../store/open.ts';
import type { LiveBroca } from './command.ts';
import { COMMANDS } from './commands.ts';

const root = mkdtempSync(join(tmpdir(), 'broca-commands-'));
after(() => rmSync(root, { recursive: true }));

type Rig = {
  folder: string;
  store: Store;
  inbox: Inbox;
  queue: Queue;
  outbox: Outbox;
  live: LiveBroca;
  /** What the commands told the running Broca. */
  told: string[];
  isRunning: boolean;
  now: number;
};

function openRig(t?: TestContext): Rig {
  const folder = mkdtempSync(join(root, 'rig-'));
  const opened = openStore(join(folder, 'animus.db'), 0);
  assert.ok(opened.ok);
  const { store } = opened.value;
  const told: string[] = [];
  const clock = (): number => rig.now;
  const outbox = createOutbox(store, (_channel, text) => text.split('|'), clock);
  const inbox = createInbox(store, clock, () => undefined);
  const live: LiveBroca = {
    receive: inbox.receive,
    events: new TurnEvents(),
    wake: () => void told.push('wake'),
    reload: () => void told.push('reload'),
  };
  const rig: Rig = { folder, store, inbox, outbox, queue: createQueue(store, outbox, clock), live, told, isRunning: true, now: 1_000 };
  t?.after(() => store.close());
  return rig;
}

async function ask(rig: Rig, name: string, args: Record<string, unknown> = {}, signal = new AbortController().signal) {
  const command = COMMANDS[name];
  assert.ok(command, name);
  const { store, folder } = rig;
  return await command(args, { store, folder, now: () => rig.now, live: rig.isRunning ? rig.live : null, signal });
}

/** The value of a command that must not fail. */
async function get(rig: Rig, name: string, args: Record<string, unknown> = {}): Promise<unknown> {
  const answer = await ask(rig, name, args);
  assert.ok(answer.ok, answer.ok ? '' : answer.error);
  return JSON.parse(JSON.stringify(answer.value));
}

async function errorOf(rig: Rig, name: string, args: Record<string, unknown> = {}): Promise<string> {
  const answer = await ask(rig, name, args);
  assert.ok(!answer.ok, 'it must fail');
  return answer.error;
}

function write(rig: Rig, chat: string, externalId: string, sender: Inbound['sender'] = { id: '7', username: 'Ada' }): number {
  const receipt = rig.inbox.receive({
    channel: 'spool',
    account: '',
    chat,
    externalId,
    sender,
    text: `says ${externalId}`,
    attachments: [],
    at: 5,
  });
  assert.ok(receipt.kind === 'stored', receipt.kind);
  return receipt.turnId;
}

function start(rig: Rig): Turn {
  const turn = rig.queue.next(rig.now);
  assert.ok(turn);
  rig.queue.begin({ turn, endpoint: 'http://l', agentId: 'agent-1', text: 'x', seenMessageId: null, blockId: null });
  return turn;
}

function park(rig: Rig, outcome: string): number {
  const turn = start(rig);
  const number = rig.queue.running()?.attempt.number ?? 0;
  rig.queue.park(turn, 'a reason', [], { number, outcome, reason: null });
  return turn.id;
}

function states(rig: Rig): Record<number, string> {
  const rows = rig.store.prepare<[], { id: number; state: string }>('SELECT id, state FROM turns ORDER BY id').all();
  return Object.fromEntries(rows.map(({ id, state }) => [id, state]));
}

test('every command is found by its name, and nothing by a name that objects inherit', () => {
  for (const name of ['constructor', 'toString', '__proto__', 'queue']) assert.equal(COMMANDS[name], undefined, name);
});

test('arguments are checked before anything is done', async (t) => {
  const rig = openRig(t);
  assert.match(await errorOf(rig, 'queue.show', { turn: 'x' }), /turn: must be a number/);
  assert.match(await errorOf(rig, 'queue.flush', { force: true }), /force/);
  assert.match(await errorOf(rig, 'users.get', { user: 'ada' }), /@username/);
});

test('queue list shows what needs attention; the rest on demand', async (t) => {
  const rig = openRig(t);
  for (const id of ['1', '2', '3']) write(rig, 'a', id);
  write(rig, 'b', '4', { id: '8', displayName: 'Bob' });
  const first = start(rig);
  rig.queue.settle({
    turn: first,
    as: 'answered',
    reason: null,
    texts: ['one|two'],
    attempt: { number: 1, outcome: 'answered', reason: null },
    newestMessageId: null,
  });
  const list = (await get(rig, 'queue.list')) as Record<string, unknown>[];
  assert.deepEqual(
    list.map(({ id, state, sender, unsent }) => [id, state, sender, unsent]),
    [
      [1, 'settled', '@Ada', 2],
      [2, 'waiting', '@Ada', 0],
      [3, 'queued', '@Ada', 0],
      [4, 'waiting', 'Bob', 0],
    ],
  );
  assert.equal(list[0]?.['createdAt'], '1970-01-01T00:00:01.000Z');
  assert.equal(list[0]?.['text'], 'says 1');
  for (let part = rig.outbox.next('spool', rig.now); part !== null; part = rig.outbox.next('spool', rig.now)) {
    rig.outbox.settle(rig.outbox.markSending(part), { state: 'sent', platformId: null, reason: null });
  }
  const ids = async (args: Record<string, unknown>) => ((await get(rig, 'queue.list', args)) as { id: number }[]).map(({ id }) => id);
  assert.deepEqual(await ids({}), [2, 3, 4], 'delivered: nothing to attend to');
  assert.deepEqual(await ids({ limit: 1 }), [2]);
  assert.deepEqual(await ids({ state: 'settled' }), [1]);
  assert.deepEqual(await ids({ state: 'all', limit: 2 }), [3, 4]);
  assert.deepEqual(await get(rig, 'queue.stats'), {
    turns: { queued: 1, waiting: 2, running: 0, settled: 1, parked: 0 },
    outcomes: { answered: 1 },
    parts: { queued: 0, waiting: 0, sending: 0, sent: 2, refused: 0, uncertain: 0 },
    oldestOpenAt: '1970-01-01T00:00:01.000Z',
  });
  const shown = (await get(rig, 'queue.show', { turn: 1 })) as {
    inbounds: unknown[];
    attempts: { outcome: string }[];
    parts: { text: string }[];
  };
  assert.deepEqual(
    [shown.inbounds.length, shown.attempts[0]?.outcome, shown.parts.map(({ text }) => text)],
    [1, 'answered', ['one', 'two']],
  );
  assert.match(await errorOf(rig, 'queue.show', { turn: 99 }), /no turn 99.*queue list/);
});

test('flush ends all that waits, leaves what runs, and its messages do not come back', async (t) => {
  const rig = openRig(t);
  for (const id of ['1', '2']) write(rig, 'a', id);
  write(rig, 'b', '1');
  const running = start(rig);
  assert.deepEqual(await get(rig, 'queue.flush'), { flushed: 2, stillRunning: 1 });
  assert.deepEqual(states(rig), { 1: 'running', 2: 'settled', 3: 'settled' });
  assert.deepEqual(rig.told, ['wake']);
  const again = rig.inbox.receive({
    channel: 'spool',
    account: '',
    chat: 'a',
    externalId: '2',
    sender: { id: '7' },
    text: 'x',
    attachments: [],
    at: 5,
  });
  assert.equal(again.kind, 'duplicate');
  rig.queue.settle({ turn: running, as: 'silent', reason: null, texts: [], attempt: null, newestMessageId: null });
  write(rig, 'a', '3');
  assert.equal(states(rig)[4], 'waiting', 'the conversation goes on');
});

test('retry puts a parked turn back, behind what its conversation does now', async (t) => {
  const rig = openRig(t);
  write(rig, 'a', '1');
  const first = park(rig, 'failed');
  assert.deepEqual(await get(rig, 'queue.retry', { turn: first }), { id: first, state: 'waiting' });
  assert.equal(rig.queue.next(rig.now)?.failures, 0);

  assert.equal(park(rig, 'failed'), first);
  write(rig, 'a', '2');
  start(rig);
  assert.deepEqual(await get(rig, 'queue.retry', { turn: first }), { id: first, state: 'queued' });
  assert.match(await errorOf(rig, 'queue.retry', { turn: first }), /is queued, not parked/);
});

test('a turn that the agent may have got is retried only when told twice', async (t) => {
  const rig = openRig(t);
  write(rig, 'a', '1');
  const turn = park(rig, 'unknown');
  assert.match(await errorOf(rig, 'queue.retry', { turn }), /may be asked twice.*--even-if-asked-twice/);
  assert.equal(states(rig)[turn], 'parked');
  assert.deepEqual(await get(rig, 'queue.retry', { turn, evenIfAskedTwice: true }), { id: turn, state: 'waiting' });
});

test('delete lets the next of its conversation step forward, and touches nothing that is under way', async (t) => {
  const rig = openRig(t);
  for (const id of ['1', '2', '3']) write(rig, 'a', id);
  await get(rig, 'queue.delete', { turn: 1 });
  assert.deepEqual(states(rig), { 2: 'waiting', 3: 'queued' });
  const running = start(rig);
  assert.match(await errorOf(rig, 'queue.delete', { turn: 2 }), /is running/);
  await get(rig, 'queue.delete', { turn: 3 });
  assert.deepEqual(states(rig), { 2: 'running' });

  rig.queue.settle({ turn: running, as: 'answered', reason: null, texts: ['one|two'], attempt: null, newestMessageId: null });
  write(rig, 'a', '4');
  const next = start(rig);
  rig.queue.settle({ turn: next, as: 'answered', reason: null, texts: ['three'], attempt: null, newestMessageId: null });
  const part = rig.outbox.next('spool', rig.now);
  assert.ok(part);
  const sending = rig.outbox.markSending(part);
  assert.match(await errorOf(rig, 'queue.delete', { turn: 2 }), /being handed over/);
  rig.outbox.putBack(sending, rig.now, 0, 'later');
  await get(rig, 'queue.delete', { turn: 2 });
  assert.equal(rig.outbox.next('spool', rig.now)?.text, 'three', 'the next reply of the conversation steps forward');
});

test('whatever is done in whatever order, each conversation has one foremost turn', async () => {
  const step = fc.record({ what: fc.constantFrom('write', 'start', 'settle', 'park', 'retry', 'delete', 'flush'), pick: fc.nat(5) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const rig = openRig();
      let count = 0;
      let running: Turn | null = null;
      for (const { what, pick } of steps) {
        if (what === 'write') write(rig, String(pick % 2), String((count += 1)));
        if (what === 'start' && running === null && rig.queue.next(rig.now) !== null) running = start(rig);
        if (what === 'settle' && running !== null)
          rig.queue.settle({ turn: running, as: 'silent', reason: null, texts: [], attempt: null, newestMessageId: null });
        if (what === 'park' && running !== null) {
          rig.queue.park(running, 'x', [], { number: rig.queue.running()?.attempt.number ?? 0, outcome: 'failed', reason: null });
        }
        if (what === 'settle' || what === 'park') running = null;
        if (what === 'retry' || what === 'delete') await ask(rig, `queue.${what}`, { turn: pick + 1 });
        if (what === 'flush') await ask(rig, 'queue.flush');
        const foremost = rig.store
          .prepare<[], number>(
            "SELECT sum(state IN ('waiting', 'running')) FROM turns WHERE state IN ('queued', 'waiting', 'running') GROUP BY conversation_id",
          )
          .pluck()
          .all();
        assert.ok(
          foremost.every((number) => number === 1),
          JSON.stringify(states(rig)),
        );
      }
      rig.store.close();
    }),
    { numRuns: 60 },
  );
});

test('people are found by number and by name; a deactivated one is refused', async (t) => {
  const rig = openRig(t);
  write(rig, 'a', '1');
  write(rig, 'a', '2', { id: '8', username: 'bob' });
  assert.deepEqual(
    ((await get(rig, 'users.list')) as { id: number; turns: number }[]).map(({ id, turns }) => [id, turns]),
    [
      [2, 1],
      [1, 1],
    ],
  );
  assert.deepEqual(await get(rig, 'users.get', { user: '@ada' }), {
    id: 1,
    isActive: true,
    profiles: [{ channel: 'spool', senderId: '7', username: 'Ada', displayName: null }],
    turns: 1,
    createdAt: '1970-01-01T00:00:01.000Z',
    lastActiveAt: '1970-01-01T00:00:01.000Z',
    identityId: null,
    blockId: null,
  });
  assert.deepEqual(
    ((await get(rig, 'users.conversations', { user: '2' })) as { chat: string }[]).map(({ chat }) => chat),
    ['a'],
  );
  await get(rig, 'users.deactivate', { user: '@BOB' });
  const refused = rig.inbox.receive({
    channel: 'spool',
    account: '',
    chat: 'a',
    externalId: '3',
    sender: { id: '8' },
    text: 'x',
    attachments: [],
    at: 5,
  });
  assert.deepEqual(refused, { kind: 'refused', reason: 'the sender is deactivated' });
  await get(rig, 'users.activate', { user: '2' });
  write(rig, 'a', '3', { id: '8', username: 'ada' });
  assert.match(await errorOf(rig, 'users.get', { user: '@ada' }), /users 1, 2: write the number/);
  assert.match(await errorOf(rig, 'users.get', { user: '9' }), /no user 9/);
});

test('a conversation shows both sides in order', async (t) => {
  const rig = openRig(t);
  write(rig, 'a/b', '1');
  write(rig, 'a/b', '2');
  rig.queue.settle({ turn: start(rig), as: 'answered', reason: null, texts: ['one|two'], attempt: null, newestMessageId: null });
  const shown = (await get(rig, 'conversations.get', { conversation: 'spool/a/b' })) as { id: number; messages: Record<string, unknown>[] };
  assert.deepEqual(
    shown.messages.map(({ from, text }) => `${from}: ${text}`),
    ['person: says 1', 'agent: one', 'agent: two', 'person: says 2'],
  );
  const newest = (await get(rig, 'conversations.get', { conversation: '1', limit: 2 })) as { messages: Record<string, unknown>[] };
  assert.deepEqual(
    newest.messages.map(({ text }) => text),
    ['two', 'says 2'],
  );
  assert.match(await errorOf(rig, 'conversations.get', { conversation: 'nowhere' }), /channel\/chat/);
  assert.deepEqual(
    ((await get(rig, 'conversations.list')) as { turns: number; open: number }[]).map(({ turns, open }) => [turns, open]),
    [[2, 1]],
  );
});

test('an ignored sender is refused, by id or by name, in one channel or in all', async (t) => {
  const rig = openRig(t);
  const knock = (sender: Inbound['sender'], channel = 'spool') =>
    rig.inbox.receive({
      channel,
      account: '',
      chat: 'z',
      externalId: JSON.stringify([sender, channel, rig.now++]),
      sender,
      text: 'x',
      attachments: [],
      at: 5,
    }).kind;
  await get(rig, 'ignore.add', { sender: '@Spam' });
  await get(rig, 'ignore.add', { sender: '7', channel: 'telegram' });
  assert.deepEqual(
    [knock({ id: '1', username: 'SPAM' }), knock({ id: '7' }), knock({ id: '7' }, 'telegram')],
    ['refused', 'stored', 'refused'],
  );
  assert.deepEqual(
    ((await get(rig, 'ignore.list')) as { channel: string; sender: string }[]).map(({ channel, sender }) => [channel, sender]),
    [
      ['*', '@spam'],
      ['telegram', '7'],
    ],
  );
  assert.match(await errorOf(rig, 'ignore.remove', { sender: '7' }), /--channel telegram/);
  assert.deepEqual(await get(rig, 'ignore.remove', { sender: '@SPAM' }), { channel: '*', sender: '@spam', changed: true });
  assert.equal(knock({ id: '1', username: 'spam' }), 'stored');
  assert.deepEqual(await get(rig, 'ignore.add', { sender: '7', channel: 'telegram' }), {
    channel: 'telegram',
    sender: '7',
    changed: false,
  });
});

test('a setting is set, kept beside the rest, and the running Broca told', async (t) => {
  const rig = openRig(t);
  writeFileSync(
    join(rig.folder, '.env'),
    'AGENT_ID=agent-1\nAGENT_ENDPOINT=http://127.0.0.1:8283\nAGENT_API_KEY=sk-0123456789abcdef0123\n',
    { mode: 0o600 },
  );
  writeFileSync(join(rig.folder, 'settings.json'), '{"mine": 1}', { mode: 0o600 });
  const set = (await get(rig, 'settings.set', { key: 'message_mode', value: 'echo' })) as { isApplied: boolean };
  assert.equal(set.isApplied, true);
  assert.deepEqual(rig.told, ['reload']);
  assert.deepEqual(await get(rig, 'settings.get', { key: 'message_processing.mode' }), {
    key: 'message_processing.mode',
    value: 'echo',
    origin: 'settings.json',
  });
  assert.match(readFileSync(join(rig.folder, 'settings.json'), 'utf8'), /"mine": 1/);
  assert.ok(!JSON.stringify(await get(rig, 'settings.show')).includes('sk-0123456789'), 'a key is never shown');
  assert.match(await errorOf(rig, 'settings.set', { key: 'message_mode', value: 'loud' }), /loud/);
  writeFileSync(join(rig.folder, 'settings.json'), '{');
  assert.equal(((await get(rig, 'settings.validate')) as { ok: boolean }).ok, false);
  assert.match(await errorOf(rig, 'settings.show'), /settings\.json/);
});

test('console.send waits for the reply; asked again it finds the same one', async (t) => {
  const rig = openRig(t);
  const asked = { externalId: 'm1', text: 'hi' };
  const reply = get(rig, 'console.send', asked);
  const turn = start(rig);
  rig.queue.settle({ turn, as: 'answered', reason: null, texts: ['one|two'], attempt: null, newestMessageId: null });
  rig.live.events.changed(turn.id);
  for (let part = rig.outbox.next('console', rig.now); part !== null; part = rig.outbox.next('console', rig.now)) {
    rig.outbox.settle(rig.outbox.markSending(part), { state: 'sent', platformId: null, reason: null });
    rig.live.events.changed(turn.id);
  }
  const expected = {
    turnId: 1,
    isOver: true,
    state: 'settled',
    outcome: 'answered',
    reason: null,
    parts: [
      { number: 1, count: 2, text: 'one', state: 'sent' },
      { number: 2, count: 2, text: 'two', state: 'sent' },
    ],
  };
  assert.deepEqual(await reply, expected);
  assert.deepEqual(await get(rig, 'console.send', asked), expected);
  assert.deepEqual(Object.keys(states(rig)), ['1']);
});

test('console.send tells at once what cannot be, and lets go of who is gone', async (t) => {
  const rig = openRig(t);
  const unwaited = (await get(rig, 'console.send', { externalId: '1', text: 'x', wait: false })) as { isOver: boolean; state: string };
  assert.deepEqual([unwaited.isOver, unwaited.state], [false, 'waiting']);
  const gone = new AbortController();
  const waiting = ask(rig, 'console.send', { externalId: '1', text: 'x' }, gone.signal);
  gone.abort();
  assert.ok((await waiting).ok);
  const deleted = ask(rig, 'console.send', { externalId: '1', text: 'x' });
  await get(rig, 'queue.delete', { turn: 1 });
  assert.deepEqual(await deleted, { ok: false, error: 'turn 1 was deleted' });
  assert.match(await errorOf(rig, 'console.send', { externalId: '1', text: 'x' }), /answered before|deleted/);
  assert.match(await errorOf(rig, 'console.send', { externalId: '2', text: ' ' }), /refused: the message is empty/);
  rig.isRunning = false;
  assert.match(await errorOf(rig, 'console.send', { externalId: '3', text: 'x' }), /no Broca runs/);
});

test('a full disk is told as that and changes nothing', async (t) => {
  const rig = openRig(t);
  write(rig, 'a', '1');
  const pages = Number(rig.store.pragma('page_count', { simple: true }));
  rig.store.pragma(`max_page_count = ${pages}`);
  const answers = [];
  for (let count = 0; count < 200; count += 1) answers.push(await ask(rig, 'ignore.add', { sender: `${count}-${'x'.repeat(400)}` }));
  assert.deepEqual(answers.at(-1), { ok: false, error: 'nothing was changed: the disk is full' });
});
