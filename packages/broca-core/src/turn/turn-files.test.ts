import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { storeAttachment } from '../attachments/store.ts';
import type { Attachment, StoredAttachment } from '../message.ts';
import { createTurnFiles } from './turn-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'turn-files-'));
after(() => rmSync(folder, { recursive: true }));
const SHOWN = { areShown: true, areUploaded: false, uploadUrl: null };
const NEVER = new AbortController().signal;

async function image(bytes: number, fill = 1): Promise<StoredAttachment> {
  const head = Buffer.from('GIF89a\x01\0\x01\0\0\0\0', 'latin1');
  const receipt = await storeAttachment(folder, Buffer.concat([head, Buffer.alloc(bytes - head.length, fill)]), {
    name: `${bytes}.gif`,
    largestBytes: 100_000_000,
  });
  assert.ok(receipt.kind === 'stored');
  return receipt.attachment;
}

async function write(attachments: Attachment[], withoutImages = false): Promise<{ text: string; images: number[] }> {
  const { text, images } = await createTurnFiles(folder, () => SHOWN).write({ attachments, withoutImages }, 'hi ', NEVER);
  return { text, images: images.map(({ bytes }) => bytes) };
}

test('a turn without files is its text and nothing more', async () => {
  assert.deepEqual(await write([]), { text: 'hi ', images: [] });
});

test('images of one question have a bound together; the same one is shown once and named as often as it came', async () => {
  const [small, large, other] = [await image(1_000), await image(15_000_000), await image(10_000_000)];
  const { text, images } = await write([small, large, other, small]);
  assert.deepEqual(images, [1_000, 15_000_000]);
  assert.deepEqual(text.split('\n'), [
    'hi',
    '[Image Attachment: 1000.gif, image/gif, 1 kB]',
    '[Image Attachment: 15000000.gif, image/gif, 15.0 MB]',
    '[Image Attachment: 10000000.gif, image/gif, 10.0 MB: too large to be shown to you]',
    '[Image Attachment: 1000.gif, image/gif, 1 kB]',
  ]);
});

test('what was not taken, and what Letta did not take, is said', async () => {
  const small = await image(1_000);
  const { text, images } = await write([small, { missed: 'it is larger than 20 MB', name: 'film.mp4' }], true);
  assert.deepEqual(images, []);
  assert.equal(
    text,
    'hi\n[Image Attachment: 1000.gif, image/gif, 1 kB: it could not be shown to you]\n[Attachment: film.mp4, not taken: it is larger than 20 MB]',
  );
});

test('a host that failed is not asked again for the same image', async () => {
  const small = await image(1_000);
  const files = createTurnFiles(folder, () => ({ areShown: true, areUploaded: true, uploadUrl: 'http://127.0.0.1:1/' }));
  const first = await files.write({ attachments: [small], withoutImages: false }, '', NEVER);
  assert.match(first.text, /its upload failed/);
  rmSync(join(folder, small.path));
  const again = await image(1_000);
  const startedAt = performance.now();
  assert.deepEqual(await files.write({ attachments: [again], withoutImages: false }, '', NEVER), first);
  assert.ok(performance.now() - startedAt < 1_000);
});
