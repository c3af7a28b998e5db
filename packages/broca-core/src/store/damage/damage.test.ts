import assert from 'node:assert/strict';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { findSetAside } from 'animus-protocol';
import DatabaseConstructor from 'better-sqlite3';
import { createInbox } from '../../inbox/receive.ts';
import type { Inbound, Receipt } from '../../message.ts';
import { createOutbox } from '../../outbox/sqlite-outbox.ts';
import { createQueue } from '../../queue/sqlite-queue.ts';
import { readFact } from '../facts.ts';
import { openStore, type Store } from '../open.ts';
import { isInDoubt, putInDoubt } from './doubt.ts';
import { openSound } from './open-sound.ts';
import type { Replaced } from './replace.ts';

const NOW = Date.UTC(2026, 10, 28);
const PAGE = 4096;
/** Of each chat two messages: one answered, its reply handed over or not, and one that waits. */
const CHATS = 150;

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'broca-damage-'));
  for (const name of ['run', 'outbox']) mkdirSync(join(folder, name));
  file = join(folder, 'animus.db');
});
afterEach(() => rmSync(folder, { recursive: true }));

function work(store: Store) {
  const outbox = createOutbox(
    store,
    (_channel, text) => [text],
    () => NOW,
  );
  return {
    store,
    outbox,
    queue: createQueue(store, outbox, () => NOW),
    inbox: createInbox(
      store,
      () => NOW,
      () => undefined,
    ),
  };
}
type Agent = ReturnType<typeof work>;

function open(): Agent {
  const opened = openStore(file);
  assert.ok(opened.ok);
  return work(opened.value);
}

function message(chat: number, externalId: string): Inbound {
  const text = `${externalId} ${'word '.repeat(60)}`;
  return { channel: 'webhook', account: '', chat: `c${chat}`, externalId, sender: { id: `s${chat}` }, text, attachments: [], at: NOW };
}

const START = { endpoint: 'http://l', agentId: 'agent-1', text: 'x', images: [], seenMessageId: null, blockId: null };

/** A life's work, closed: one turn of it was being asked when it ended. */
function fill(): void {
  const { store, inbox, queue, outbox } = open();
  store.transaction(() => {
    for (let chat = 0; chat < CHATS; chat += 1) inbox.receive(message(chat, 'first'));
    for (let turn = queue.next(NOW); turn !== null; turn = queue.next(NOW)) {
      queue.settle({ turn, as: 'answered', reason: null, texts: [`re ${turn.text}`], attempt: null, newestMessageId: null });
    }
    for (let count = 0; count < CHATS / 2; count += 1) {
      const part = outbox.next('webhook', NOW);
      if (part !== null) outbox.settle(part, { state: 'sent', platformId: null, reason: null });
    }
    for (let chat = 0; chat < CHATS; chat += 1) inbox.receive(message(chat, 'second'));
    const turn = queue.next(NOW);
    assert.ok(turn !== null);
    queue.begin({ turn, ...START });
  })();
  store.close();
}

type Page = { name: string; page: number; isIndex: 0 | 1 };

/** All but the first, by what they hold. */
function pages(): Page[] {
  const db = new DatabaseConstructor(file, { readonly: true });
  const rows = db
    .prepare<[], Page>(
      `SELECT name, pageno AS page, EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = dbstat.name) AS isIndex
       FROM dbstat WHERE pageno > 1`,
    )
    .all();
  db.close();
  return rows;
}

function spoil(page: number): void {
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, Buffer.alloc(PAGE, 'A'), 0, PAGE, (page - 1) * PAGE);
  closeSync(descriptor);
}

async function openAfterDamage(): Promise<Agent & { replaced: Replaced | null }> {
  assert.ok(putInDoubt(folder, Object.assign(new Error('database disk image is malformed'), { code: 'SQLITE_CORRUPT' })));
  const opened = await openSound(folder, file, NOW);
  assert.ok(opened.ok, opened.ok ? '' : JSON.stringify(opened.error));
  assert.equal(isInDoubt(folder), false);
  return { ...work(opened.value.store), replaced: opened.value.replaced };
}

function count(store: Store, sql: string): number {
  return store.prepare<[], number>(`SELECT count(*) FROM ${sql}`).pluck().get() ?? 0;
}

function offerAgain({ inbox }: Agent, chat: number, externalId: string): Receipt['kind'] {
  return inbox.receive(message(chat, externalId)).kind;
}

test('whatever page is lost, the rest comes along, nothing goes out by itself, and the damaged file is kept', async () => {
  fill();
  const sound = readFileSync(file);
  const all = pages();
  // One page of each table and index, and some more of the large ones.
  const chosen = all.filter(({ name }, index) => all.findIndex((other) => other.name === name) === index || index % 13 === 0);
  assert.ok(chosen.length > 20);
  for (const { name, page, isIndex } of chosen) {
    writeFileSync(file, sound);
    spoil(page);
    const spoilt = readFileSync(file);
    const { replaced, ...agent } = await openAfterDamage();
    const { store, queue, outbox } = agent;
    const where = `page ${page} of ${name}`;
    assert.ok(replaced !== null, where);
    assert.ok(readFileSync(join(folder, replaced.aside)).equals(spoilt), where);
    assert.deepEqual(store.prepare('PRAGMA integrity_check').pluck().all(), ['ok'], where);
    assert.deepEqual(store.pragma('foreign_key_check'), [], where);
    assert.equal(queue.next(NOW + 1), null, where);
    assert.equal(outbox.next('webhook', NOW + 1), null, where);
    assert.ok(count(store, "turns WHERE state = 'running'") <= 1);
    if (count(store, "turns WHERE state = 'running'") === 1) assert.ok(queue.running() !== null);
    // The schema tells where every table is.
    if (name === 'sqlite_schema') assert.equal(replaced.taken['turns'], 0);
    else if (isIndex === 1 || ['tallies', 'sqlite_sequence'].includes(name)) {
      assert.deepEqual(replaced.incomplete, [], where);
      assert.deepEqual([replaced.taken['turns'], replaced.taken['seen']], [2 * CHATS, 2 * CHATS], where);
      assert.deepEqual([replaced.parked, replaced.uncertain], [CHATS - 1, CHATS / 2], where);
    } else assert.ok(replaced.incomplete.length > 0 || name === 'facts', where);
    for (let chat = 0; chat < CHATS; chat += 10) {
      assert.notEqual(offerAgain(agent, chat, 'first'), 'refused');
      assert.equal(queue.next(NOW + 1), null, `${where}: what was answered is not asked again`);
    }
    const fresh = agent.inbox.receive({ ...message(1, 'third'), at: Date.now() });
    assert.equal(fresh.kind, 'stored');
    if (name !== 'sqlite_schema') assert.ok(fresh.kind === 'stored' && fresh.turnId > 2 * CHATS, `${where}: no number is given twice`);
    store.close();
    rmSync(join(folder, replaced.aside));
  }
});

test('of a turn that is lost and its message is not, what became of it is told by its reply, or a person decides', async () => {
  fill();
  for (const { name, page } of pages()) if (name === 'turns') spoil(page);
  const { replaced, ...agent } = await openAfterDamage();
  assert.equal(count(agent.store, "turns WHERE outcome = 'answered'"), CHATS);
  assert.equal(replaced?.parked, CHATS);
  for (const name of ['first', 'second']) assert.equal(offerAgain(agent, 7, name), 'duplicate');
  agent.store.close();
});

test('what is lost of conversations keeps what was said in them', async () => {
  fill();
  for (const { name, page } of pages()) if (name === 'conversations') spoil(page);
  const { replaced, store } = await openAfterDamage();
  assert.deepEqual([replaced?.taken['turns'], replaced?.taken['inbounds']], [2 * CHATS, 2 * CHATS]);
  store.close();
});

test('what is lost of a person or a text leaves the turn for a person to decide', async () => {
  fill();
  for (const { name, page } of pages()) if (['profiles', 'users', 'inbounds'].includes(name)) spoil(page);
  const { replaced, store, queue } = await openAfterDamage();
  assert.ok(replaced !== null);
  assert.equal(replaced.taken['turns'], 2 * CHATS);
  assert.equal(replaced.parked, CHATS - 1);
  assert.match(queue.running()?.turn.text ?? '', /could not be read any more/);
  assert.equal(queue.running()?.turn.inReplyTo, 'second');
  store.close();
});

test('a file that is no database at all is set aside as it is; what is offered again from before waits for a person', async () => {
  const rubbish = Buffer.alloc(8192, 'rubbish');
  writeFileSync(file, rubbish);
  utimesSync(file, NOW / 1000, NOW / 1000);
  const opened = await openSound(folder, file, NOW);
  assert.ok(opened.ok);
  assert.deepEqual(findSetAside(folder), [opened.value.replaced?.aside]);
  assert.ok(readFileSync(join(folder, opened.value.replaced?.aside ?? '')).equals(rubbish));
  const { store, inbox, queue } = work(opened.value.store);
  assert.equal(inbox.receive(message(1, 'before')).kind, 'stored');
  assert.equal(queue.next(NOW + 1), null);
  assert.equal(inbox.receive({ ...message(2, 'after'), at: NOW + 5_000 }).kind, 'stored');
  assert.ok(queue.next(NOW + 1) !== null);
  store.close();
});

test('a database in doubt that is whole stays, and one that nobody doubts is not read', async () => {
  fill();
  const whole = await openAfterDamage();
  assert.equal(whole.replaced, null);
  const id = readFact(whole.store, 'database_id');
  whole.store.close();
  spoil(pages().find(({ name }) => name === 'inbounds')?.page ?? 2);
  const opened = await openSound(folder, file, NOW);
  assert.ok(opened.ok);
  assert.equal(opened.value.replaced, null);
  assert.equal(readFact(opened.value.store, 'database_id'), id);
  opened.value.store.close();
  assert.deepEqual(findSetAside(folder), []);
});

test('a replacement that was cut short begins anew, and one that cannot be made leaves the damaged one in its place', async () => {
  fill();
  spoil(pages().find(({ name }) => name === 'turns')?.page ?? 2);
  writeFileSync(`${file}.mending`, 'half');
  const { replaced, store } = await openAfterDamage();
  assert.ok(replaced !== null);
  store.close();
  assert.equal(existsSync(`${file}.mending`), false);
  const [aside = ''] = findSetAside(folder);
  rmSync(file);
  writeFileSync(file, readFileSync(join(folder, aside)));
  assert.ok(putInDoubt(folder, Object.assign(new Error('malformed'), { code: 'SQLITE_CORRUPT' })));
  // The place where it would go is taken: nothing may be overwritten.
  const again = await openSound(folder, file, NOW);
  assert.equal(again.ok, false);
  assert.equal(isInDoubt(folder), true);
  assert.ok(readFileSync(file).equals(readFileSync(join(folder, aside))));
});

test('a full disk or a busy database puts nothing in doubt', () => {
  for (const code of ['SQLITE_FULL', 'SQLITE_BUSY', 'SQLITE_IOERR_WRITE', 'SQLITE_READONLY', 'ENOSPC']) {
    assert.equal(putInDoubt(folder, Object.assign(new Error(code), { code })), false);
  }
  assert.equal(putInDoubt(folder, new Error('x')), false);
  assert.equal(putInDoubt(folder, null), false);
  assert.equal(isInDoubt(folder), false);
});
