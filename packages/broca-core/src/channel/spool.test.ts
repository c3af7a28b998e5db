import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import type { Inbound, Part, Receipt } from '../message.ts';
import type { LoadedChannel } from './guard.ts';
import { createChannels } from './load.ts';
import { createSpool, type Spool } from './spool.ts';

const root = mkdtempSync(join(tmpdir(), 'broca-spool-'));
after(() => rmSync(root, { recursive: true }));
let folders = 0;

type Rig = {
  folder: string;
  inbox: string;
  outbox: string;
  spool: Spool;
  channel: LoadedChannel;
  received: Inbound[];
  /** What `receive` answers; by default everything is stored. */
  answer: { receipt(inbound: Inbound): Receipt };
  /** Resolves when something was received or logged. */
  next(): Promise<void>;
  logged: string[];
};

async function openRig(t: TestContext, { isAlone = false, folder = '' } = {}): Promise<Rig> {
  if (folder === '') {
    folders += 1;
    folder = join(root, String(folders));
    mkdirSync(join(folder, 'inbox'), { recursive: true });
  }
  const events = new EventTarget();
  const received: Inbound[] = [];
  const logged: string[] = [];
  const answer: Rig['answer'] = { receipt: () => ({ kind: 'stored', turnId: 1 }) };
  const spool = createSpool({ isAlone, refreshMs: () => 5_000 });
  const tell = (what: string): void => {
    logged.push(what);
    events.dispatchEvent(new Event('news'));
  };
  const channels = await createChannels({
    plugins: {},
    environment: {},
    folder,
    releaseFolder: null,
    builtIn: [spool.plugin],
    log: { info: tell, warn: tell, error: tell },
    receiveAll: (inbounds) =>
      inbounds.map((inbound) => {
        received.push(inbound);
        const receipt = answer.receipt(inbound);
        tell(receipt.kind);
        return receipt;
      }),
    isIgnored: () => false,
    stateOf: () => ({ get: () => null, list: () => [], put: () => true }),
    storeAttachment: async () => assert.fail('no file came'),
    onState: () => undefined,
  });
  const [channel] = channels.list();
  assert.ok(channel);
  t.after(async () => await channels.stop());
  const next = async (): Promise<void> => void (await once(events, 'news'));
  return { folder, inbox: join(folder, 'inbox'), outbox: join(folder, 'outbox'), spool, channel, received, answer, next, logged };
}

function message(id: string, more: object = {}): string {
  return JSON.stringify({ id, chat: 'c', sender: { id: '7', username: 'ada' }, text: `text of ${id}`, ...more });
}

/** Written elsewhere, renamed in, and of that age. */
function drop(rig: Rig, name: string, text: string, atS?: number): void {
  const hidden = join(rig.folder, 'being-written');
  writeFileSync(hidden, text);
  if (atS !== undefined) utimesSync(hidden, atS, atS);
  renameSync(hidden, join(rig.inbox, name));
}

function rejected(rig: Rig): Record<string, string> {
  const folder = join(rig.inbox, 'rejected');
  const texts = readdirSync(folder).filter((name) => name.endsWith('.error.txt'));
  return Object.fromEntries(texts.map((name) => [name, readFileSync(join(folder, name), 'utf8').trim()]));
}

function left(rig: Rig): string[] {
  return readdirSync(rig.inbox)
    .filter((name) => name !== 'rejected')
    .sort();
}

test('what lies in the inbox at the start is taken in order of writing, then of name, and removed', async (t) => {
  const rig = await openRig(t);
  drop(rig, 'a.json', message('3'), 300);
  drop(rig, 'c.json', message('2'), 200);
  drop(rig, 'b.json', message('1', { replyTo: '0', extra: true }), 200);
  drop(rig, '.hidden.json', message('no'));
  drop(rig, 'z.tmp', message('no'));
  await rig.channel.start();
  while (rig.received.length < 3) await rig.next();
  await rig.channel.stop();
  assert.deepEqual(
    rig.received.map(({ externalId }) => externalId),
    ['1', '2', '3'],
  );
  assert.deepEqual(rig.received[0], {
    channel: 'spool',
    account: '',
    chat: 'c',
    externalId: '1',
    sender: { id: '7', username: 'ada' },
    text: 'text of 1',
    attachments: [],
    replyTo: '0',
    at: 200_000,
  });
  assert.deepEqual(left(rig), ['.hidden.json', 'z.tmp']);
});

test('a nudge makes it look; alone, it sees for itself', async (t) => {
  for (const isAlone of [false, true]) {
    const rig = await openRig(t, { isAlone });
    drop(rig, 'first.json', message('first'));
    await rig.channel.start();
    while (rig.received.length < 1) await rig.next();
    drop(rig, 'm.json', message('1'));
    if (!isAlone) rig.channel.nudge();
    while (rig.received.length < 2) await rig.next();
    await rig.channel.stop();
    assert.deepEqual(left(rig), []);
  }
});

test('when the supervisor goes, what came meanwhile is found, and the inbox is watched', async (t) => {
  const rig = await openRig(t);
  await rig.channel.start();
  drop(rig, 'a.json', message('1'));
  rig.spool.setAlone(true);
  while (rig.received.length < 1) await rig.next();
  drop(rig, 'b.json', message('2'));
  while (rig.received.length < 2) await rig.next();
});

test('what is no message is set aside with the reason, and never over an older one', async (t) => {
  const rig = await openRig(t);
  const secret = join(rig.folder, 'secret.json');
  writeFileSync(secret, message('secret'));
  mkdirSync(join(rig.inbox, 'folder.json'));
  symlinkSync(secret, join(rig.inbox, 'link.json'));
  execFileSync('mkfifo', [join(rig.inbox, 'fifo.json')]);
  const server = createServer().listen(join(rig.inbox, 'socket.json'));
  await once(server, 'listening');
  t.after(() => server.close());
  writeFileSync(join(rig.inbox, 'huge.json'), '');
  truncateSync(join(rig.inbox, 'huge.json'), 1024 * 1024 + 1);
  drop(rig, 'shape.json', '{"id":7,"chat":"c","sender":{}}');
  drop(rig, 'list.json', '[]');
  drop(rig, 'sender.json', '{"id":"7","chat":"c","sender":"u1","text":"t","replyTo":5}');
  mkdirSync(join(rig.inbox, 'rejected'));
  writeFileSync(join(rig.inbox, 'rejected', 'shape.json'), 'an older one');
  writeFileSync(join(rig.inbox, 'rejected', 'list.error.txt'), 'why an older one was set aside');
  await rig.channel.start();
  while (rig.logged.length < 8) await rig.next();
  await rig.channel.stop();
  assert.deepEqual(rig.received, []);
  assert.deepEqual(left(rig), []);
  assert.deepEqual(rejected(rig), {
    'fifo.error.txt': 'it is no regular file',
    'folder.error.txt': 'it is a folder',
    'huge.error.txt': 'it is longer than 1048576 bytes',
    'link.error.txt': 'it is a symbolic link',
    'list.1.error.txt': 'id is missing; chat is missing; sender is missing; text is missing',
    'list.error.txt': 'why an older one was set aside',
    'sender.error.txt': 'sender must be an object: {"id": "…"}; replyTo must be a text in quotes',
    'shape.1.error.txt': 'id must be a text in quotes; sender.id is missing; text is missing',
    'socket.error.txt': 'it is no regular file',
  });
  assert.equal(readFileSync(join(rig.inbox, 'rejected', 'shape.json'), 'utf8'), 'an older one');
  assert.equal(readFileSync(secret, 'utf8'), message('secret'), 'what a link led to is untouched');
});

test('a refused message is set aside with the reason; a duplicate is removed', async (t) => {
  const rig = await openRig(t);
  rig.answer.receipt = ({ externalId }) =>
    externalId === '1' ? { kind: 'refused', reason: 'the sender is on the ignore list' } : { kind: 'duplicate', turnId: null };
  drop(rig, 'one.json', message('1'));
  drop(rig, 'two.json', message('2'));
  await rig.channel.start();
  while (!rig.logged.includes('duplicate') || !rig.logged.includes('spool-file-rejected')) await rig.next();
  await rig.channel.stop();
  assert.deepEqual(rejected(rig), { 'one.error.txt': 'the sender is on the ignore list' });
  assert.deepEqual(left(rig), []);
});

test('what cannot be stored now is kept, in order, and taken later', async (t) => {
  const rig = await openRig(t);
  rig.answer.receipt = () => ({ kind: 'unavailable', reason: 'the disk is full' });
  drop(rig, 'a.json', message('1'), 100);
  drop(rig, 'b.json', message('2'), 200);
  await rig.channel.start();
  while (!rig.logged.includes('spool-file-kept')) await rig.next();
  assert.deepEqual(left(rig), ['a.json', 'b.json']);
  const refused = rig.received.splice(0);
  assert.deepEqual(
    refused.map(({ externalId }) => externalId),
    ['1', '2'],
  );
  rig.answer.receipt = () => ({ kind: 'stored', turnId: 1 });
  rig.channel.nudge();
  while (rig.received.length < 2) await rig.next();
  await rig.channel.stop();
  assert.deepEqual(
    rig.received.map(({ externalId }) => externalId),
    ['1', '2'],
  );
  assert.deepEqual(left(rig), []);
});

test('half of a file is waited for, also when its date is old', { timeout: 10_000 }, async (t) => {
  const rig = await openRig(t);
  const file = join(rig.inbox, 'half.json');
  writeFileSync(file, message('1').slice(0, 20));
  utimesSync(file, 5, 5);
  writeFileSync(join(rig.inbox, 'broken.json'), '{"id":');
  await rig.channel.start();
  writeFileSync(file, message('1'));
  while (!rig.logged.includes('spool-file-rejected')) await rig.next();
  await rig.channel.stop();
  assert.deepEqual(
    rig.received.map(({ externalId }) => externalId),
    ['1'],
  );
  assert.match(rejected(rig)['broken.error.txt'] ?? '', /^not JSON/);
});

test('a file that takes the place of one being stored is a message of its own', async (t) => {
  const rig = await openRig(t);
  rig.answer.receipt = ({ externalId }) => {
    if (externalId === 'old') drop(rig, 'same.json', message('new'));
    return { kind: 'stored', turnId: 1 };
  };
  drop(rig, 'same.json', message('old'));
  await rig.channel.start();
  while (rig.received.length < 1) await rig.next();
  rig.channel.nudge();
  while (rig.received.length < 2) await rig.next();
  await rig.channel.stop();
  assert.deepEqual(
    rig.received.map(({ externalId }) => externalId),
    ['old', 'new'],
  );
  assert.deepEqual(left(rig), []);
});

test('what a crash caught between storing and removing is looked at again', async (t) => {
  const rig = await openRig(t);
  writeFileSync(join(rig.inbox, '.m.json.taken'), message('1'));
  await rig.channel.start();
  while (rig.received.length < 1) await rig.next();
  await rig.channel.stop();
  assert.deepEqual(left(rig), []);
});

test('a name as long as a name may be is taken and rejected like any other', async (t) => {
  const rig = await openRig(t);
  drop(rig, `${'g'.repeat(250)}.json`, message('1'));
  drop(rig, `${'b'.repeat(250)}.json`, '[]');
  await rig.channel.start();
  while (rig.received.length < 1 || !rig.logged.includes('spool-file-rejected')) await rig.next();
  await rig.channel.stop();
  assert.deepEqual(left(rig), []);
});

const PART: Part = {
  channel: 'spool',
  account: '',
  chat: 'c',
  turnId: 7,
  number: 1,
  count: 2,
  inReplyTo: 'm1',
  text: 'Grüße',
  form: null,
  key: '42',
  firstSentAt: null,
};
const SENT: Part = { ...PART, firstSentAt: 1 };
const SIGNAL = new AbortController().signal;

test('a part is hidden and durable before its sending is recorded, and appears whole', async (t) => {
  const { channel, outbox } = await openRig(t);
  await channel.channel?.prepare?.(PART);
  await channel.channel?.prepare?.(PART);
  assert.deepEqual(readdirSync(outbox), ['.7-1.json.tmp']);
  assert.deepEqual(await channel.channel?.deliver(SENT, SIGNAL), { kind: 'delivered' });
  assert.deepEqual(readdirSync(outbox), ['7-1.json']);
  assert.deepEqual(JSON.parse(readFileSync(join(outbox, '7-1.json'), 'utf8')), {
    inReplyTo: 'm1',
    chat: 'c',
    turn: 7,
    part: 1,
    parts: 2,
    key: '42',
    text: 'Grüße',
  });
});

test('after a crash at any step a part appears once, also when its reader took it away meanwhile', async (t) => {
  const { channel: loaded, outbox, folder } = await openRig(t);
  const channel = loaded.channel;
  assert.ok(channel?.prepare);
  // Killed after prepare, before `sending` was recorded: half of the hidden file may be there.
  mkdirSync(outbox, { recursive: true });
  writeFileSync(join(outbox, '.7-1.json.tmp'), '{"half');
  await channel.prepare(PART);
  // Killed after `sending` was recorded, before the rename.
  await channel.prepare(SENT);
  await channel.deliver(SENT, SIGNAL);
  assert.equal(JSON.parse(readFileSync(join(outbox, '7-1.json'), 'utf8')).text, 'Grüße');
  // Killed after the rename, before `sent` was recorded; the reader was quick.
  renameSync(join(outbox, '7-1.json'), join(folder, 'taken'));
  await channel.prepare(SENT);
  assert.deepEqual(await channel.deliver(SENT, SIGNAL), { kind: 'delivered' });
  assert.deepEqual(readdirSync(outbox), []);
});

test('a file that nobody took yet is never replaced', async (t) => {
  const { channel: loaded, outbox } = await openRig(t);
  mkdirSync(outbox, { recursive: true });
  writeFileSync(join(outbox, '7-1.json'), 'from the database before this one');
  await loaded.channel?.prepare?.(PART);
  assert.equal((await loaded.channel?.deliver(SENT, SIGNAL))?.kind, 'retry');
  assert.equal(readFileSync(join(outbox, '7-1.json'), 'utf8'), 'from the database before this one');
  rmSync(join(outbox, '7-1.json'));
  assert.equal((await loaded.channel?.deliver(SENT, SIGNAL))?.kind, 'delivered');
  assert.ok(existsSync(join(outbox, '7-1.json')));
});

test('the hidden name is not followed where it is a link', async (t) => {
  const { channel: loaded, outbox, folder } = await openRig(t);
  mkdirSync(outbox, { recursive: true });
  const other = join(folder, 'other');
  writeFileSync(other, 'untouched');
  linkSync(other, join(folder, 'kept'));
  symlinkSync(other, join(outbox, '.7-1.json.tmp'));
  await assert.rejects(async () => await loaded.channel?.prepare?.(PART), { code: 'ELOOP' });
  assert.equal(readFileSync(other, 'utf8'), 'untouched');
});
