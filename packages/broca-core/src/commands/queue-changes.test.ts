import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Turn } from '../queue/turn.ts';
import { ask, errorOf, get, openRig, park, start, states, write } from './rig.fixture.ts';

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
    rig.outbox.markSending(part);
    rig.outbox.settle(part, { state: 'sent', platformId: null, reason: null });
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

test('settle ends what a person has dealt with: a parked turn, and a reply in doubt', async (t) => {
  const rig = openRig(t);
  write(rig, 'a', '1');
  const parked = park(rig, 'unknown');
  assert.match(await errorOf(rig, 'queue.settle', { turn: parked, reason: ' ' }), /reason: must not be empty/);
  assert.deepEqual(await get(rig, 'queue.settle', { turn: parked, reason: 'told by telephone' }), {
    id: parked,
    outcome: 'answered',
    parts: 0,
  });
  const shown = (await get(rig, 'queue.show', { turn: parked })) as { state: string; outcome: string; reason: string };
  assert.deepEqual([shown.state, shown.outcome, shown.reason], ['settled', 'answered', 'told by telephone']);
  assert.match(await errorOf(rig, 'queue.settle', { turn: parked, reason: 'again' }), /is settled: only a parked turn/);

  write(rig, 'a', '2');
  const turn = start(rig);
  rig.queue.settle({ turn, as: 'answered', reason: null, texts: ['one|two'], attempt: null, newestMessageId: null });
  const part = rig.outbox.next('spool', rig.now);
  assert.ok(part);
  rig.outbox.markSending(part);
  rig.outbox.recover('spool', false);
  assert.deepEqual(await get(rig, 'queue.settle', { turn: turn.id, as: 'refused' }), { id: turn.id, outcome: 'refused', parts: 1 });
  const { parts } = (await get(rig, 'queue.show', { turn: turn.id })) as { parts: { reason: string | null }[] };
  assert.equal(parts[0]?.reason, 'settled by hand', 'a reason need not be given');
  assert.equal(rig.outbox.next('spool', rig.now)?.text, 'two', 'the rest of the reply goes on');
  assert.match(await errorOf(rig, 'queue.settle', { turn: 99, reason: 'x' }), /no turn 99/);
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
  rig.outbox.markSending(part);
  assert.match(await errorOf(rig, 'queue.delete', { turn: 2 }), /being handed over/);
  rig.outbox.putBack(part, rig.now, 0, 'later');
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
        if (what === 'write') {
          count += 1;
          write(rig, String(pick % 2), String(count));
        }
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
