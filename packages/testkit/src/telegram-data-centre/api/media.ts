/** Media as a client sends them: uploaded parts become a stored file, known files are sent again. */
import crypto from 'node:crypto';
import type { Media, StoredFile } from '../world/model.ts';
import { badRequest } from '../world/rpc-error.ts';
import { SMALL_FILE_LIMIT } from '../world/uploads.ts';
import type { Caller } from './caller.ts';
import { fileReference } from './objects.ts';
import { Api, toBigInt } from './tl.ts';

export function readMedia(caller: Caller, given: unknown): Media {
  if (given instanceof Api.InputMediaUploadedPhoto) return storePhoto(caller, given);
  if (given instanceof Api.InputMediaUploadedDocument) return storeDocument(caller, given);
  if (given instanceof Api.InputMediaPhoto) return { kind: 'photo', fileId: knownFile(caller, given.id).id };
  if (given instanceof Api.InputMediaDocument) return { kind: 'document', fileId: knownFile(caller, given.id).id };
  throw badRequest('MEDIA_INVALID');
}

function takeUpload({ uploads, ...caller }: Caller, file: Api.TypeInputFile): { bytes: Buffer; name: string } {
  const account = caller.account().id;
  if (file instanceof Api.InputFileBig) return { bytes: uploads.take(account, toBigInt(file.id), file.parts, null), name: file.name };
  if (!(file instanceof Api.InputFile)) throw badRequest('INPUT_FILE_INVALID');
  const bytes = uploads.take(account, toBigInt(file.id), file.parts, file.md5Checksum);
  if (bytes.length > SMALL_FILE_LIMIT) throw badRequest('FILE_PARTS_INVALID');
  return { bytes, name: file.name };
}

function newFile(caller: Caller, bytes: Buffer): StoredFile {
  const id = crypto.randomBytes(8).readBigInt64LE();
  const accessHash = crypto.randomBytes(8).readBigInt64LE();
  const plain = { isPhoto: false, mimeType: 'application/octet-stream', name: null, width: 0, height: 0, duration: 0 };
  return { id, accessHash, dcId: caller.dcId, bytes, ...plain, shape: 'plain', referenceVersion: 1 };
}

function storePhoto(caller: Caller, { file }: Api.InputMediaUploadedPhoto): Media {
  const { bytes } = takeUpload(caller, file);
  if (!isPicture(bytes)) throw badRequest('IMAGE_PROCESS_FAILED');
  const photo = { ...newFile(caller, bytes), isPhoto: true, mimeType: 'image/jpeg', width: 640, height: 480 };
  caller.world.commit({ kind: 'file', file: photo });
  return { kind: 'photo', fileId: photo.id };
}

/** By their first bytes: JPEG, PNG, GIF, WebP, BMP. The rest the service cannot turn into a photo. */
function isPicture(bytes: Buffer): boolean {
  const head = bytes.subarray(0, 12).toString('latin1');
  return /^(\xff\xd8\xff|\x89PNG|GIF8|BM)/.test(head) || (head.startsWith('RIFF') && head.endsWith('WEBP'));
}

function storeDocument(caller: Caller, given: Api.InputMediaUploadedDocument): Media {
  const { bytes, name } = takeUpload(caller, given.file);
  const document: StoredFile = { ...newFile(caller, bytes), mimeType: given.mimeType, name: name === '' ? null : name };
  for (const attribute of given.attributes) {
    if (attribute instanceof Api.DocumentAttributeFilename) document.name = attribute.fileName;
    if (attribute instanceof Api.DocumentAttributeAudio) {
      Object.assign(document, { shape: attribute.voice ? 'voice' : 'audio', duration: attribute.duration });
    }
    if (attribute instanceof Api.DocumentAttributeVideo) {
      Object.assign(document, { shape: 'video', duration: attribute.duration, width: attribute.w, height: attribute.h });
    }
  }
  caller.world.commit({ kind: 'file', file: document });
  return { kind: 'document', fileId: document.id };
}

function knownFile({ world }: Caller, given: unknown): StoredFile {
  if (!(given instanceof Api.InputPhoto || given instanceof Api.InputDocument)) throw badRequest('MEDIA_EMPTY');
  const file = world.files.get(toBigInt(given.id));
  if (file === undefined || file.accessHash !== toBigInt(given.accessHash)) throw badRequest('MEDIA_INVALID');
  if (!fileReference(file).equals(given.fileReference)) throw badRequest('FILE_REFERENCE_EXPIRED');
  return file;
}
