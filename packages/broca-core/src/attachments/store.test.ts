import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createInbox } from '../inbox/receive.ts';
import type { AttachmentReceipt, AttachmentSource, StoredAttachment } from '../message.ts';
import { openStore } from '../store/open.ts';
import { ATTACHMENT_PATH } from './parse.ts';
import { readAttachment, storeAttachment } from './store.ts';
import { removeUnreferencedAttachments } from './tidy.ts';

const root = mkdtempSync(join(tmpdir(), 'attachments-'));
after(() => rmSync(root, { recursive: true }));

const agent = (): string => mkdtempSync(join(root, 'agent-'));
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');

async function keep(folder: string, source: AttachmentSource, name?: string): Promise<StoredAttachment> {
  const receipt = await storeAttachment(folder, source, { largestBytes: 1_000_000, ...(name === undefined ? {} : { name }) });
  assert.ok(receipt.kind === 'stored', JSON.stringify(receipt));
  return receipt.attachment;
}

function files(folder: string): string[] {
  return readdirSync(join(folder, 'attachments'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
}

test('a file is kept under the hash of its content, for its owner only, with the type it has', async () => {
  const folder = agent();
  const kept = await keep(folder, PNG, '../../etc/photo.svg');
  const hash = createHash('sha256').update(PNG).digest('hex');
  assert.deepEqual(kept, { path: `attachments/${hash.slice(0, 2)}/${hash}.png`, type: 'image/png', bytes: PNG.length, name: 'photo.svg' });
  assert.match(kept.path, ATTACHMENT_PATH);
  assert.deepEqual(readFileSync(join(folder, kept.path)), PNG);
  assert.equal(statSync(join(folder, kept.path)).mode & 0o777, 0o600);
  assert.equal(statSync(join(folder, 'attachments')).mode & 0o777, 0o700);
  assert.deepEqual(files(folder), [`${hash}.png`], 'and nothing else lies there');
});

test('the same content is kept once, however it comes and whatever it is called', async () => {
  const folder = agent();
  const first = await keep(folder, PNG, 'one.png');
  const inode = statSync(join(folder, first.path)).ino;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < PNG.length; at += 7) yield PNG.subarray(at, at + 7);
  }
  const second = await keep(folder, chunks());
  assert.equal(second.path, first.path);
  assert.equal(statSync(join(folder, first.path)).ino, inode);
  assert.equal(files(folder).length, 1);
});

test('a file that lost bytes on the disk is written again', async () => {
  const folder = agent();
  const kept = await keep(folder, PNG);
  truncateSync(join(folder, kept.path), 10);
  await keep(folder, PNG);
  assert.deepEqual(await readAttachment(folder, kept), PNG);
});

test('what is too large or empty is refused, and nothing of it stays', async () => {
  const folder = agent();
  const refusal = async (source: AttachmentSource): Promise<AttachmentReceipt> =>
    await storeAttachment(folder, source, { name: 'x.bin', largestBytes: 1024 * 1024 });
  const endless = async function* (): AsyncGenerator<Uint8Array> {
    for (;;) yield Buffer.alloc(65_536);
  };
  const reason = 'it is larger than 1 MB';
  assert.deepEqual(await refusal(endless()), { kind: 'refused', reason, attachment: { missed: reason, name: 'x.bin' } });
  assert.equal((await refusal(new Uint8Array())).kind, 'refused');
  assert.deepEqual(files(folder), []);
});

test('a source that breaks off, and a folder that cannot be written, are for later', async () => {
  const folder = agent();
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield PNG;
    throw new Error('connection reset');
  };
  const unavailable = { kind: 'unavailable', reason: 'connection reset' };
  assert.deepEqual(await storeAttachment(folder, broken(), { largestBytes: 1000 }), unavailable);
  assert.deepEqual(files(folder), []);
  rmSync(join(folder, 'attachments'), { recursive: true });
  writeFileSync(join(folder, 'attachments'), '');
  assert.equal((await storeAttachment(folder, PNG, { largestBytes: 1000 })).kind, 'unavailable');
  chmodSync(folder, 0o700);
});

test('what is read is what was stored, or nothing', async () => {
  const folder = agent();
  const kept = await keep(folder, PNG);
  assert.deepEqual(await readAttachment(folder, kept), PNG);
  assert.equal(await readAttachment(folder, { ...kept, bytes: 5 }), null);
  rmSync(join(folder, kept.path));
  assert.equal(await readAttachment(folder, kept), null);
  writeFileSync(join(folder, '.env'), 'x'.repeat(PNG.length));
  symlinkSync(join(folder, '.env'), join(folder, kept.path));
  assert.equal(await readAttachment(folder, kept), null, 'a link is not followed');
});

const DAY_MS = 24 * 60 * 60 * 1000;

test('files that no message refers to are removed, once they are old enough that none will', async () => {
  const folder = agent();
  const opened = openStore(join(folder, 'animus.db'));
  assert.ok(opened.ok);
  const store = opened.value;
  const now = Date.now();
  const attachments = [await keep(folder, PNG)];
  const gone = await keep(folder, Buffer.from('nobody refers to it'));
  const again = await keep(folder, Buffer.from('stored a second time just now'));
  await keep(folder, Buffer.from('young'));
  writeFileSync(join(folder, 'attachments', '.half.tmp'), 'left by a crash');
  const old = new Date(now - 2 * DAY_MS);
  const paths = [attachments[0]?.path ?? '', gone.path, again.path, 'attachments/.half.tmp'];
  for (const path of paths) utimesSync(join(folder, path), old, old);
  await keep(folder, Buffer.from('stored a second time just now'));
  const message = { channel: 'spool', account: '', chat: 'c', externalId: '1', sender: { id: '1' }, text: '', at: 1 };
  const receipt = createInbox(
    store,
    () => now,
    () => undefined,
  ).receive({ ...message, attachments });
  assert.equal(receipt.kind, 'stored');
  assert.equal(await removeUnreferencedAttachments(store, folder, now, () => false), 2);
  assert.equal(files(folder).length, 3);
  assert.equal(await readAttachment(folder, gone), null);
  store.prepare('DELETE FROM turns').run();
  assert.equal(await removeUnreferencedAttachments(store, folder, now + 2 * DAY_MS, () => false), 3);
  assert.deepEqual(files(folder), []);
  store.close();
});
