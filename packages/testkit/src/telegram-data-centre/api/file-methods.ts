/** Files up and down (https://core.telegram.org/api/files). */
import type { StoredFile } from '../world/model.ts';
import { badRequest, RpcError } from '../world/rpc-error.ts';
import { type Caller, type Handlers, method } from './caller.ts';
import { fileReference, photoBytes } from './objects.ts';
import { type Answer, Api, bool, toBigInt } from './tl.ts';

/** They open connections of their own: asking them shows no interest in news, and they work wherever a login was taken along. */
export const fileMethods: Handlers = {
  'upload.SaveFilePart': method('anywhere', saveFilePart),
  'upload.SaveBigFilePart': method('anywhere', saveBigFilePart),
  'upload.GetFile': method('anywhere', getFile),
};

function saveFilePart(request: Api.upload.SaveFilePart, caller: Caller): Answer {
  caller.uploads.savePart(caller.account().id, toBigInt(request.fileId), request.filePart, request.bytes);
  return bool(true);
}

function saveBigFilePart(request: Api.upload.SaveBigFilePart, caller: Caller): Answer {
  if (request.fileTotalParts < 1 || request.filePart >= request.fileTotalParts) throw badRequest('FILE_PARTS_INVALID');
  caller.uploads.savePart(caller.account().id, toBigInt(request.fileId), request.filePart, request.bytes);
  return bool(true);
}

const MEGABYTE = 1024 * 1024;

function getFile(request: Api.upload.GetFile, caller: Caller): Api.upload.File {
  caller.account();
  const { limit } = request;
  const offset = Number(request.offset);
  if (limit < 1 || limit % 4096 !== 0 || MEGABYTE % limit !== 0) throw badRequest('LIMIT_INVALID');
  if (offset < 0 || offset % 4096 !== 0) throw badRequest('OFFSET_INVALID');
  // A chunk may not reach over the border of a megabyte.
  if (Math.floor(offset / MEGABYTE) !== Math.floor((offset + limit - 1) / MEGABYTE)) throw badRequest('LIMIT_INVALID');
  const { file, bytes } = locate(request.location, caller);
  if (file.dcId !== caller.dcId) throw new RpcError(303, `FILE_MIGRATE_${file.dcId}`);
  return new Api.upload.File({ type: typeOf(file), mtime: 0, bytes: bytes.subarray(offset, offset + limit) });
}

function locate(location: unknown, { world }: Caller): { file: StoredFile; bytes: Buffer } {
  if (!(location instanceof Api.InputPhotoFileLocation || location instanceof Api.InputDocumentFileLocation)) {
    throw badRequest('LOCATION_INVALID');
  }
  const file = world.files.get(toBigInt(location.id));
  const isPhoto = location instanceof Api.InputPhotoFileLocation;
  if (file === undefined || file.accessHash !== toBigInt(location.accessHash) || file.isPhoto !== isPhoto)
    throw badRequest('FILE_ID_INVALID');
  if (!fileReference(file).equals(location.fileReference)) throw badRequest('FILE_REFERENCE_EXPIRED');
  const bytes = isPhoto ? photoBytes(file, location.thumbSize) : location.thumbSize === '' ? file.bytes : null;
  if (bytes === null) throw badRequest('LOCATION_INVALID');
  return { file, bytes };
}

function typeOf({ isPhoto, mimeType }: StoredFile): Api.storage.TypeFileType {
  if (isPhoto) return new Api.storage.FileJpeg();
  return mimeType === 'application/pdf' ? new Api.storage.FilePdf() : new Api.storage.FileUnknown();
}
