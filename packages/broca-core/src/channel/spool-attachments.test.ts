import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { storeAttachment } from '../attachments/store.ts';
import type { AttachmentReceipt, Inbound } from '../message.ts';
import { SpoolInbox } from './spool-inbox.ts';

const root = mkdtempSync(join(tmpdir(), 'spool-attachments-'));
after(() => rmSync(root, { recursive: true }));

type Rig = {
  folder: string;
  path(name: string): string;
  inbox: SpoolInbox;
  received: Inbound[];
  isDiskFull: boolean;
  isDuplicate: boolean;
  /** Ahead of the machine's clock, so that what was written just now is old. */
  aheadMs: number;
};

async function openRig(): Promise<Rig> {
  const folder = mkdtempSync(join(root, 'agent-'));
  const store = async (source: Parameters<typeof storeAttachment>[1], { name }: { name: string }): Promise<AttachmentReceipt> =>
    rig.isDiskFull
      ? { kind: 'unavailable', reason: 'the disk is full' }
      : await storeAttachment(folder, source, { name, largestBytes: 1_048_576 });
  const inbox = new SpoolInbox(
    join(folder, 'inbox'),
    {
      receiveAll: (inbounds) =>
        inbounds.map((inbound) => {
          rig.received.push(inbound);
          return { kind: rig.isDuplicate ? 'duplicate' : 'stored', turnId: 1 };
        }),
      storeAttachment: store,
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
      now: () => Date.now() + rig.aheadMs,
      isStopped: () => false,
    },
    5_000,
  );
  const path = (name: string): string => join(folder, 'inbox', name);
  const rig: Rig = { folder, path, inbox, received: [], isDiskFull: false, isDuplicate: false, aheadMs: 0 };
  await inbox.begin();
  return rig;
}

function drop(rig: Rig, name: string, attachments: unknown, atS: number, chat = 'c'): void {
  const message = { id: name, chat, sender: { id: '7' }, text: 'look', attachments };
  writeFileSync(rig.path('.new'), JSON.stringify(message));
  utimesSync(rig.path('.new'), atS, atS);
  renameSync(rig.path('.new'), rig.path(`${name}.json`));
}

function left(rig: Rig): string[] {
  return readdirSync(join(rig.folder, 'inbox'))
    .filter((name) => name !== 'rejected')
    .sort();
}

test('files that a message names are stored with it and removed after it', async () => {
  const rig = await openRig();
  writeFileSync(rig.path('notes.txt'), 'some notes');
  writeFileSync(rig.path('large.bin'), Buffer.alloc(1_000_000, 7));
  writeFileSync(rig.path('other.txt'), 'nobody names this');
  drop(rig, 'a', ['notes.txt', 'large.bin'], 100);
  assert.deepEqual(await rig.inbox.look(), { kind: 'empty' });
  const [notes, large] = rig.received[0]?.attachments ?? [];
  assert.ok(notes !== undefined && 'path' in notes && large !== undefined && 'path' in large);
  assert.deepEqual([notes.type, notes.bytes, notes.name], ['text/plain', 10, 'notes.txt']);
  assert.equal(readFileSync(join(rig.folder, notes.path), 'utf8'), 'some notes');
  assert.deepEqual(readFileSync(join(rig.folder, large.path)), Buffer.alloc(1_000_000, 7));
  assert.deepEqual(left(rig), ['other.txt']);
});

const REFUSED: [string, unknown, RegExp][] = [
  ['a path', ['../.env'], /without a folder/],
  ['a link', ['link.txt'], /symbolic link/],
  ['a folder', ['folder.txt'], /no regular file/],
  ['a pipe', ['fifo.txt'], /no regular file/],
  ['an empty file', ['empty.txt'], /it is empty/],
  ['a file that is too large', ['large.txt'], /larger than 1 MB/],
  ['another message', ['b.json'], /is a message/],
  ['a hidden file', ['.hidden'], /hidden/],
  ['a name without letters', [''], /must not be empty/],
  ['a name with a zero byte', ['a\0b'], /without a folder/],
  ['something that is no list', 'large.txt', /must be a list of file names/],
  ['more than any message may bring', Array.from({ length: 101 }, (_, index) => `${index}`), /at most 100 files/],
];
for (const [what, attachments, reason] of REFUSED) {
  test(`a message that names ${what} is rejected, and nothing of it is taken`, async () => {
    const rig = await openRig();
    writeFileSync(join(rig.folder, '.env'), 'SECRET=1');
    symlinkSync(join(rig.folder, '.env'), rig.path('link.txt'));
    mkdirSync(rig.path('folder.txt'));
    execFileSync('mkfifo', [rig.path('fifo.txt')]);
    writeFileSync(rig.path('empty.txt'), '');
    writeFileSync(rig.path('large.txt'), 'x'.repeat(1_048_577));
    drop(rig, 'a', attachments, 100);
    assert.deepEqual(await rig.inbox.look(), { kind: 'empty' });
    assert.match(readFileSync(rig.path('rejected/a.error.txt'), 'utf8'), reason);
    assert.deepEqual(rig.received, []);
    assert.deepEqual(left(rig), ['empty.txt', 'fifo.txt', 'folder.txt', 'large.txt', 'link.txt']);
  });
}

test('a file that comes after its message is waited for, and one that never comes is said to be missing', async () => {
  const rig = await openRig();
  drop(rig, 'a', ['late.txt'], 100);
  drop(rig, 'b', ['never.txt'], 200, 'd');
  assert.deepEqual(await rig.inbox.look(), { kind: 'again', afterMs: 1_000 });
  assert.deepEqual(left(rig), ['a.json', 'b.json']);
  writeFileSync(rig.path('late.txt'), 'here');
  rig.aheadMs = 2_000;
  await rig.inbox.look();
  assert.equal(rig.received[0]?.attachments[0]?.name, 'late.txt');
  assert.deepEqual(rig.received[1]?.attachments, [{ missed: 'there was no such file', name: 'never.txt' }]);
  assert.deepEqual(left(rig), []);
});

test('what is behind a message that waits for its file waits with it; other chats do not', async () => {
  const rig = await openRig();
  drop(rig, 'first', ['late.txt'], 100);
  drop(rig, 'second', [], 200);
  // More than are taken in one go.
  for (let index = 0; index < 40; index += 1) drop(rig, `other-${index}`, [], 300, 'other');
  drop(rig, 'third', [], 400);
  assert.deepEqual(await rig.inbox.look(), { kind: 'again', afterMs: 1_000 });
  assert.deepEqual(left(rig), ['first.json', 'second.json', 'third.json']);
  writeFileSync(rig.path('late.txt'), 'here');
  assert.deepEqual(await rig.inbox.look(), { kind: 'empty' });
  assert.deepEqual(
    rig.received.filter(({ chat }) => chat === 'c').map(({ externalId }) => externalId),
    ['first', 'second', 'third'],
  );
});

test('killed after it removed the files and before it removed the message: read again, it is a duplicate', async () => {
  const rig = await openRig();
  drop(rig, 'a', ['notes.txt'], 100);
  rig.isDuplicate = true;
  rig.aheadMs = 2_000;
  assert.deepEqual(await rig.inbox.look(), { kind: 'empty' });
  assert.deepEqual(left(rig), []);
});

test('while a file cannot be stored, its message stays, and those behind it', async () => {
  const rig = await openRig();
  writeFileSync(rig.path('notes.txt'), 'some notes');
  drop(rig, 'a', ['notes.txt'], 100);
  drop(rig, 'b', [], 200);
  rig.isDiskFull = true;
  assert.deepEqual(await rig.inbox.look(), { kind: 'again', afterMs: 5_000 });
  assert.deepEqual(left(rig), ['a.json', 'b.json', 'notes.txt']);
  rig.isDiskFull = false;
  await rig.inbox.look();
  assert.deepEqual(
    rig.received.map(({ externalId, attachments }) => [externalId, attachments.length]),
    [
      ['a', 1],
      ['b', 0],
    ],
  );
  assert.deepEqual(left(rig), []);
});
