import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createInbox } from '../../inbox/receive.ts';
import type { Inbound } from '../../message.ts';
import { createOutbox } from '../../outbox/sqlite-outbox.ts';
import { createQueue } from '../../queue/sqlite-queue.ts';
import type { Turn } from '../../queue/turn.ts';
import { readFact } from '../facts.ts';
import { openStore, type Store } from '../open.ts';
import { prepareRestore } from './prepare.ts';
import type { RestoreReport, RestoreRequest } from './request.ts';

const TAKEN_AT = 1_000_000;
const NOW = 9_000_000;

/** An agent's database and what writes to it. */
function open(file: string) {
  const opened = openStore(file);
  assert.ok(opened.ok);
  const store = opened.value;
  const clock = (): number => TAKEN_AT;
  const outbox = createOutbox(store, (_channel, text) => text.split('|'), clock);
  const queue = createQueue(store, outbox, clock);
  const inbox = createInbox(store, clock, () => undefined);
  return { store, outbox, queue, inbox };
}
type Agent = ReturnType<typeof open>;

function write({ inbox }: Agent, externalId: string, chat = 'ada', about: Partial<Inbound> = {}) {
  const inbound = { channel: 'webhook', account: '', chat, externalId, text: externalId, attachments: [], at: TAKEN_AT, ...about };
  return inbox.receive({ ...inbound, sender: { id: chat } });
}

function next({ queue }: Agent): Turn {
  const turn = queue.next(NOW);
  assert.ok(turn !== null);
  return turn;
}

function begin(agent: Agent): Turn {
  const turn = next(agent);
  const attempt = agent.queue.begin({
    turn,
    endpoint: 'http://letta',
    agentId: 'agent-a',
    text: turn.text,
    images: [],
    seenMessageId: null,
    blockId: 'block-1',
  });
  assert.ok(attempt !== null);
  return turn;
}

function answer(agent: Agent, turn: Turn, text: string): void {
  agent.queue.settle({
    turn,
    as: 'answered',
    reason: null,
    texts: [text],
    attempt: { number: 1, outcome: 'answered', reason: null },
    newestMessageId: 'm9',
  });
}

function deliverAll({ outbox }: Agent): void {
  for (let part = outbox.next('webhook', TAKEN_AT); part !== null; part = outbox.next('webhook', TAKEN_AT)) {
    const sending = outbox.markSending(part);
    assert.ok(sending !== null);
    outbox.settle(sending, { state: 'sent', platformId: null, reason: null });
  }
}

function turns({ store }: { store: Store }): Record<string, string> {
  const rows = store
    .prepare<[], { name: string; state: string; outcome: string | null }>(
      'SELECT (SELECT min(external_id) FROM inbounds WHERE turn_id = turns.id) AS name, state, outcome FROM turns ORDER BY id',
    )
    .all();
  return Object.fromEntries(rows.map(({ name, state, outcome }) => [name, outcome ?? state]));
}

function parts({ store }: { store: Store }): string[] {
  return store.prepare<[], string>("SELECT text || ' ' || state FROM parts ORDER BY id").pluck().all();
}

/** The tallies that triggers keep, against what is there. */
function checkTallies(store: Store): void {
  const count = (sql: string): number => store.prepare<[], number>(sql).pluck().get() ?? 0;
  for (const [name, sql] of [
    ['open', "SELECT count(*) FROM turns WHERE state IN ('queued', 'waiting', 'running')"],
    ['parked', "SELECT count(*) FROM turns WHERE state = 'parked'"],
    ['unsent', "SELECT count(*) FROM parts WHERE state IN ('queued', 'waiting', 'sending')"],
    ['uncertain', "SELECT count(*) FROM parts WHERE state = 'uncertain'"],
  ]) {
    assert.equal(count(`SELECT coalesce((SELECT count FROM tallies WHERE name = '${name}' AND id = 0), 0)`), count(sql ?? ''), name);
  }
  assert.deepEqual(store.pragma('foreign_key_check'), []);
}

describe('a copy that is restored', () => {
  let folder: string;
  let original: string;
  let copy: string;
  let present: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'broca-restore-'));
    [original, copy, present] = [join(folder, 'animus.db'), join(folder, 'copy.db'), join(folder, 'present.db')];
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const vacuum = (agent: Agent, to: string): void => void agent.store.prepare('VACUUM INTO ?').run(to);
  const prepare = (about: Partial<RestoreRequest> = {}): RestoreReport => {
    const request = {
      copy,
      present: null,
      takenAt: TAKEN_AT,
      isFinal: false,
      isOtherAgent: false,
      aliveUntil: TAKEN_AT + 500,
      newestSpooled: 40,
      now: NOW,
    };
    const prepared = prepareRestore({ ...request, ...about });
    assert.ok(prepared.ok, prepared.ok ? '' : prepared.error);
    assert.equal(existsSync(`${copy}-wal`), false);
    return prepared.value;
  };

  /** One answered, its reply not handed over; one that is asked; one behind it, one of somebody else. */
  function live(): Agent {
    const agent = open(original);
    write(agent, 'first');
    answer(agent, begin(agent), 'one|two');
    write(agent, 'second');
    begin(agent);
    write(agent, 'third');
    write(agent, 'other', 'bob');
    return agent;
  }

  describe('when nobody knows what became of it', () => {
    it('nothing of it is sent by itself', () => {
      const agent = live();
      vacuum(agent, copy);
      const id = readFact(agent.store, 'database_id');
      agent.store.close();
      const report = prepare();
      const restored = open(copy);
      assert.deepEqual(turns(restored), { first: 'answered', second: 'running', third: 'parked', other: 'parked' });
      assert.deepEqual(parts(restored), ['one uncertain', 'two uncertain']);
      assert.deepEqual(report, { isFollowed: false, parked: [3, 4], uncertain: 2, settling: 2, carried: 0 });
      checkTallies(restored.store);
      assert.notEqual(readFact(restored.store, 'database_id'), id);
      assert.equal(readFact(restored.store, 'attached_block'), null);
      assert.equal(readFact(restored.store, 'attached_unknown'), 'restored');
      restored.store.close();
    });

    it('what was asked is found out by its own name, and its reply is kept, not handed over', () => {
      const agent = live();
      const otid = agent.queue.running()?.attempt.otid;
      vacuum(agent, copy);
      agent.store.close();
      prepare();
      const restored = open(copy);
      const running = restored.queue.running();
      assert.ok(running !== null);
      assert.equal(running.attempt.otid, otid);
      answer(restored, running.turn, 'three');
      assert.deepEqual(parts(restored).at(-1), 'three uncertain');
      assert.equal(restored.outbox.next('webhook', NOW), null);
      checkTallies(restored.store);
      restored.store.close();
    });

    it('a new message is answered as ever, under a number and a name that were never used', () => {
      const agent = live();
      const otid = agent.queue.running()?.attempt.otid ?? '';
      vacuum(agent, copy);
      agent.store.close();
      prepare();
      const restored = open(copy);
      assert.equal(write(restored, 'new', 'carl', { at: NOW }).kind, 'stored');
      const turn = begin(restored);
      assert.equal(turn.id, 41);
      const fresh = restored.store.prepare<[number], string>('SELECT otid FROM attempts WHERE turn_id = ?').pluck().get(turn.id) ?? '';
      assert.notEqual(fresh.slice(0, 36), otid.slice(0, 36));
      answer(restored, turn, 'hello');
      assert.equal(restored.outbox.next('webhook', NOW)?.text, 'hello');
      restored.store.close();
    });

    it('what a platform offers again from before is kept for a person, what is here for the first time is answered', () => {
      const agent = live();
      vacuum(agent, copy);
      agent.store.close();
      prepare();
      const restored = open(copy);
      assert.deepEqual(write(restored, 'third'), { kind: 'duplicate', turnId: 3 });
      write(restored, 'perhaps', 'carl', { at: TAKEN_AT + 400 });
      write(restored, 'file', 'carl', { at: TAKEN_AT + 400, channel: 'spool' });
      write(restored, 'later', 'carl', { at: TAKEN_AT + 501 });
      const { perhaps, file, later } = turns(restored);
      assert.deepEqual([perhaps, file, later], ['parked', 'waiting', 'waiting']);
      checkTallies(restored.store);
      restored.store.close();
    });

    it('for another agent nothing is asked at Letta', () => {
      const agent = live();
      vacuum(agent, copy);
      agent.store.close();
      const report = prepare({ isOtherAgent: true, present: null });
      const restored = open(copy);
      assert.deepEqual(report.parked, [2, 3, 4]);
      assert.equal(restored.queue.running(), null);
      assert.equal(readFact(restored.store, 'newest_message_id'), null);
      assert.equal(restored.store.prepare('SELECT count(*) FROM attempts WHERE over_at IS NULL').pluck().get(), 0);
      restored.store.close();
    });
  });

  it('of an agent that was shut down for good goes on as it was', () => {
    const agent = live();
    vacuum(agent, copy);
    agent.store.close();
    prepare({ isFinal: true });
    const restored = open(copy);
    assert.deepEqual(turns(restored), { first: 'answered', second: 'running', third: 'queued', other: 'waiting' });
    assert.deepEqual(parts(restored), ['one waiting', 'two queued']);
    restored.store.close();
  });

  describe('when the database that went on is there', () => {
    it('what became of it since is known, and what came since and waits comes along', () => {
      const agent = live();
      vacuum(agent, copy);
      answer(agent, agent.queue.running()?.turn ?? next(agent), 'three');
      deliverAll(agent);
      write(agent, 'fourth', 'dora');
      write(agent, 'fifth', 'dora');
      const id = readFact(agent.store, 'database_id');
      vacuum(agent, present);
      agent.store.close();
      const report = prepare({ present });
      const restored = open(copy);
      assert.deepEqual(turns(restored), {
        first: 'answered',
        second: 'answered',
        third: 'waiting',
        other: 'waiting',
        fourth: 'waiting',
        fifth: 'queued',
      });
      assert.deepEqual(parts(restored), ['one sent', 'two sent', 'three sent']);
      assert.deepEqual(report, { isFollowed: true, parked: [], uncertain: 0, settling: null, carried: 2 });
      assert.equal(readFact(restored.store, 'database_id'), id);
      assert.equal(write(restored, 'fifth', 'dora').kind, 'duplicate');
      checkTallies(restored.store);
      restored.store.close();
    });

    it('a message that was answered since is seen when it is offered again', () => {
      const agent = live();
      vacuum(agent, copy);
      write(agent, 'since', 'emil');
      const turn = agent.queue.running()?.turn ?? next(agent);
      answer(agent, turn, 'three');
      for (let each = agent.queue.next(TAKEN_AT); each !== null; each = agent.queue.next(TAKEN_AT))
        answer(agent, begin(agent), `re ${each.id}`);
      deliverAll(agent);
      vacuum(agent, present);
      agent.store.close();
      prepare({ present });
      const restored = open(copy);
      assert.equal(write(restored, 'since', 'emil').kind, 'duplicate');
      assert.equal(restored.queue.next(NOW), null);
      assert.equal(restored.outbox.next('webhook', NOW), null);
      const before = restored.store.prepare<[], number>('SELECT max(id) FROM turns').pluck().get() ?? 0;
      write(restored, 'new', 'emil', { at: NOW });
      assert.ok(next(restored).id > before + 1, 'the number of the turn that is not in the copy is not used again');
      checkTallies(restored.store);
      restored.store.close();
    });

    it('what was flushed since comes back, what was deleted is set aside', () => {
      const agent = live();
      vacuum(agent, copy);
      agent.store.exec("UPDATE turns SET state = 'settled', outcome = 'flushed' WHERE id = 3; DELETE FROM turns WHERE id = 4");
      vacuum(agent, present);
      agent.store.close();
      const report = prepare({ present });
      const restored = open(copy);
      assert.deepEqual(turns(restored), { first: 'answered', second: 'running', third: 'queued', other: 'parked' });
      assert.deepEqual(report.parked, [4]);
      checkTallies(restored.store);
      restored.store.close();
    });
  });

  it('what waits in a database that was begun anew after a loss comes along', () => {
    const agent = live();
    vacuum(agent, copy);
    agent.store.close();
    const anew = open(present);
    write(anew, 'fresh', 'ada');
    write(anew, 'answered', 'zoe');
    write(anew, 'asked', 'ada');
    answer(anew, begin(anew), 'a reply');
    begin(anew);
    anew.store.pragma('wal_checkpoint(TRUNCATE)');
    anew.store.close();
    const report = prepare({ present });
    const restored = open(copy);
    const now = turns(restored);
    assert.deepEqual([now['fresh'], now['answered'], now['asked']], ['answered', 'running', 'queued']);
    assert.equal(report.carried, 3);
    assert.deepEqual(parts(restored), ['one uncertain', 'two uncertain', 'a reply waiting']);
    for (const [name, chat] of [
      ['fresh', 'ada'],
      ['answered', 'zoe'],
      ['asked', 'ada'],
    ])
      assert.equal(write(restored, name ?? '', chat).kind, 'duplicate');
    const people = restored.store.prepare<[], string>('SELECT sender_id FROM profiles ORDER BY id').pluck().all();
    assert.deepEqual(people, ['ada', 'bob', 'zoe']);
    checkTallies(restored.store);
    restored.store.close();
  });

  it('one that is damaged, of a newer Broca, or no database is refused', () => {
    const agent = live();
    vacuum(agent, copy);
    agent.store.close();
    const request = { copy, present: null, takenAt: 0, isFinal: false, isOtherAgent: false, aliveUntil: 0, newestSpooled: 0, now: 0 };
    copyFileSync(import.meta.filename, copy);
    const damaged = prepareRestore(request);
    assert.match(damaged.ok ? '' : damaged.error, /is damaged/);
    rmSync(copy, { force: true });
    const newer = open(copy);
    newer.store.pragma('user_version = 99');
    newer.store.close();
    const refused = prepareRestore(request);
    assert.match(refused.ok ? '' : refused.error, /written by a newer Broca/);
  });

  it('a turn that is retried by hand sends its reply', async () => {
    const agent = live();
    vacuum(agent, copy);
    agent.store.close();
    prepare();
    const restored = open(copy);
    const running = restored.queue.running();
    assert.ok(running !== null);
    restored.queue.park(running.turn, 'nobody knows', ['Sorry'], { number: 1, outcome: 'unknown', reason: null });
    assert.equal(restored.outbox.next('webhook', NOW), null, 'the notice is withheld too');
    const { COMMANDS } = await import('../../commands/commands.ts');
    const context = { store: restored.store, folder, now: () => NOW, live: null, signal: new AbortController().signal };
    const retried = await COMMANDS['queue.retry']?.({ turn: running.turn.id, evenIfAskedTwice: true }, context);
    assert.equal(retried?.ok, true, JSON.stringify(retried));
    answer(restored, begin(restored), 'again');
    assert.equal(restored.outbox.next('webhook', NOW)?.text, 'again');
    restored.store.close();
  });
});
