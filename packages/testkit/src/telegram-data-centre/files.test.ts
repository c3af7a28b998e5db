import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import test from 'node:test';
import { Api, helpers } from 'telegram';
import { CustomFile } from 'telegram/client/uploads.js';
import { startTalk, type Talk } from './talk.ts';

const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');

async function lastMessage({ heard }: Talk, number = 1): Promise<Api.Message> {
  const update = await heard((each) => each instanceof Api.UpdateNewMessage, number);
  assert.ok(update instanceof Api.UpdateNewMessage && update.message instanceof Api.Message);
  return update.message;
}

test('photos and documents are downloaded whole, in chunks', async () => {
  await using here = await startTalk();
  const { telegram, alice, bot, bots } = here;
  telegram.trustInThisProcess();
  const bytes = crypto.randomBytes(1_300_000);
  telegram.pushFile(alice, bot, { bytes, name: 'notes.bin', kind: 'plain', mimeType: 'application/x-notes' }, 'read this');
  const message = await lastMessage(here);
  assert.equal(message.message, 'read this');
  assert.ok(message.document instanceof Api.Document);
  assert.equal(message.document.mimeType, 'application/x-notes');
  assert.deepEqual(await bots.client.downloadMedia(message), bytes);
  assert.ok(telegram.requests.filter(({ method }) => method === 'upload.getFile').length > 2);
  const photo = crypto.randomBytes(200_000);
  telegram.pushFile(alice, bot, { bytes: photo, kind: 'photo' });
  assert.deepEqual(await bots.client.downloadMedia(await lastMessage(here, 2)), photo);
});

test('a file of another data centre is fetched there, with the login taken along', async () => {
  await using here = await startTalk();
  const { telegram, alice, bot, bots } = here;
  telegram.trustInThisProcess();
  const bytes = crypto.randomBytes(70_000);
  telegram.pushFile(alice, bot, { bytes, dcId: 2, kind: 'voice', mimeType: 'audio/ogg', duration: 3 });
  const message = await lastMessage(here);
  assert.deepEqual(await bots.client.downloadMedia(message), bytes);
  // A client may ask at home first: it is told to go where the file lies.
  const asked = telegram.requests.filter(({ method }) => /Authorization|getFile/.test(method));
  assert.deepEqual(
    asked.filter(({ outcome }) => outcome === 'ok').map(({ method, dcId }) => `${dcId} ${method}`),
    ['4 auth.exportAuthorization', '2 auth.importAuthorization', '2 upload.getFile'],
  );
  for (const { method, dcId, outcome } of asked.filter((request) => request.outcome !== 'ok')) {
    assert.equal(`${dcId} ${method} ${outcome}`, '4 upload.getFile FILE_MIGRATE_2');
  }
  await assert.rejects(
    bots.client.invoke(new Api.upload.GetFile({ location: locationOf(message), offset: helpers.returnBigInt(0), limit: 4096 })),
    { newDc: 2 },
  );
});

function locationOf({ document }: Api.Message): Api.InputDocumentFileLocation {
  assert.ok(document instanceof Api.Document);
  const { id, accessHash, fileReference } = document;
  return new Api.InputDocumentFileLocation({ id, accessHash, fileReference, thumbSize: '' });
}

test('a reference grows old: the message gives a new one', async () => {
  await using here = await startTalk();
  const { telegram, alice, bot, bots } = here;
  telegram.pushFile(alice, bot, { bytes: Buffer.from('hello') });
  const message = await lastMessage(here);
  const ask = (limit: number, offset = 0, from = message): Promise<Api.upload.TypeFile> =>
    bots.client.invoke(new Api.upload.GetFile({ location: locationOf(from), offset: helpers.returnBigInt(offset), limit }));
  await assert.rejects(ask(1000), { errorMessage: 'LIMIT_INVALID' });
  await assert.rejects(ask(4096, 100), { errorMessage: 'OFFSET_INVALID' });
  telegram.expireFileReferences();
  await assert.rejects(ask(4096), { errorMessage: 'FILE_REFERENCE_EXPIRED' });
  const [again] = await bots.client.getMessages('alice', { ids: message.id });
  const file = await ask(4096, 0, again);
  assert.ok(file instanceof Api.upload.File);
  assert.equal(String(file.bytes), 'hello');
});

test('files small and big, and photos, are uploaded and sent', async () => {
  await using here = await startTalk();
  const { telegram, alice, bot, bots } = here;
  telegram.trustInThisProcess();
  const small = crypto.randomBytes(600_000);
  await bots.client.sendFile('alice', { file: new CustomFile('small.bin', small.length, '', small), caption: 'small' });
  await bots.client.sendFile('alice', { file: new CustomFile('dot.png', PNG.length, '', PNG), caption: 'a dot' });
  const entries = telegram.sentTo(alice, bot);
  assert.deepEqual(
    entries.map((entry) => [entry.method, entry.text, telegram.fileOf(entry)?.name, telegram.fileOf(entry)?.isPhoto]),
    [
      ['messages.sendMedia', 'small', 'small.bin', false],
      ['messages.sendMedia', 'a dot', null, true],
    ],
  );
  assert.deepEqual(telegram.fileOf(entries[0] ?? assert.fail())?.bytes, small);
  const id = helpers.returnBigInt(42);
  const parts = ['first', 'last'].map((word) => Buffer.alloc(1024, word));
  for (const filePart of [1, 0]) {
    await bots.client.invoke(
      new Api.upload.SaveBigFilePart({ fileId: id, filePart, fileTotalParts: 2, bytes: parts[filePart] ?? assert.fail() }),
    );
  }
  const file = new Api.InputFileBig({ id, parts: 2, name: 'big.bin' });
  const media = new Api.InputMediaUploadedDocument({ file, mimeType: 'application/x-big', attributes: [] });
  await bots.client.invoke(new Api.messages.SendMedia({ peer: 'alice', media, message: '' }));
  assert.deepEqual(telegram.fileOf(telegram.sentTo(alice, bot).at(-1) ?? assert.fail())?.bytes, Buffer.concat(parts));
});

test('an album is one group of messages', async () => {
  await using here = await startTalk();
  const { telegram, alice, bot, bots } = here;
  telegram.trustInThisProcess();
  telegram.pushAlbum(
    alice,
    bot,
    [
      { bytes: PNG, kind: 'photo' },
      { bytes: PNG, kind: 'photo' },
    ],
    'two dots',
  );
  const [first, second] = [await lastMessage(here, 1), await lastMessage(here, 2)];
  assert.equal(first.message, 'two dots');
  assert.ok(first.groupedId?.eq(second.groupedId ?? 0));
  const dots = ['a.png', 'b.png'].map((name) => new CustomFile(name, PNG.length, '', PNG));
  const location = telegram.fileOf(telegram.history(bot, alice).at(-1) ?? assert.fail());
  assert.equal(location?.isPhoto, true);
  const [one, two] = await Promise.all(dots.map((file) => bots.client.uploadFile({ file, workers: 1 })));
  const multiMedia = [one, two].map((file) => {
    const media = new Api.InputMediaUploadedDocument({ file: file ?? assert.fail(), mimeType: 'image/png', attributes: [] });
    return new Api.InputSingleMedia({ media, message: '' });
  });
  await bots.client.invoke(new Api.messages.SendMultiMedia({ peer: 'alice', multiMedia }));
  const sent = telegram.sentTo(alice, bot);
  assert.equal(sent.length, 2);
  assert.equal(new Set(sent.map(({ groupedId }) => groupedId)).size, 1);
});

test('parts that are missing, and captions that are too long, are refused; the parts stay good', async () => {
  await using here = await startTalk();
  const { telegram, alice, bot, bots } = here;
  telegram.trustInThisProcess();
  const file = await bots.client.uploadFile({ file: new CustomFile('x.txt', 5, '', Buffer.from('hello')), workers: 1 });
  const media = (parts: number): Api.InputMediaUploadedDocument =>
    new Api.InputMediaUploadedDocument({
      ...{ file: new Api.InputFile({ id: file.id, parts, name: 'x.txt', md5Checksum: '' }), mimeType: 'text/plain', attributes: [] },
    });
  const send = (parts: number, message: string): Promise<Api.TypeUpdates> =>
    bots.client.invoke(new Api.messages.SendMedia({ peer: 'alice', media: media(parts), message }));
  await assert.rejects(send(2, ''), { errorMessage: 'FILE_PART_1_MISSING' });
  await assert.rejects(send(1, 'x'.repeat(1025)), { errorMessage: 'MEDIA_CAPTION_TOO_LONG' });
  telegram.floodWait(bot, 3);
  await assert.rejects(send(1, ''), { seconds: 3 });
  telegram.advance(3000);
  await send(1, '');
  assert.equal(String(telegram.fileOf(telegram.sentTo(alice, bot)[0] ?? assert.fail())?.bytes), 'hello');
});
