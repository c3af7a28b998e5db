/**
 * Keeps the files that come with messages: channel → `attachments/<2 of the hash>/<hash>.<ext>`. A file is
 * whole and durable under its name before its message is stored, and the same content is kept once. Loaded
 * with the first file, so that a start does not wait for it.
 */
import { createHash, randomUUID } from 'node:crypto';
import { constants, mkdirSync, renameSync, statSync, utimesSync } from 'node:fs';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { AttachmentReceipt, AttachmentSource, StoredAttachment } from '../message.ts';
import { syncPath } from '../sync.ts';
import { shownName } from './lines-policy.ts';
import { ATTACHMENTS_FOLDER } from './parse.ts';
import { HEAD_BYTES, sniffType } from './type-policy.ts';

const MEGABYTE = 1024 * 1024;

export type StoreRequest = {
  /** As its sender calls it; for people and the agent to read, never a path. */
  name?: string;
  largestBytes: number;
};

/** Stores one file under `folder`, the agent's. Never rejects: a source that fails is `unavailable`, as a full disk is. */
export async function storeAttachment(folder: string, source: AttachmentSource, request: StoreRequest): Promise<AttachmentReceipt> {
  const root = join(folder, ATTACHMENTS_FOLDER);
  const temporary = join(root, `.${randomUUID()}.tmp`);
  const named = request.name === undefined ? {} : { name: shownName(request.name) };
  const refuse = (reason: string): AttachmentReceipt => ({ kind: 'refused', reason, attachment: { missed: reason, ...named } });
  try {
    await mkdir(root, { recursive: true, mode: 0o700 });
    const handle = await open(temporary, 'wx', 0o600);
    let written: Written | null;
    try {
      written = await write(handle, source, request.largestBytes);
      if (written !== null) await handle.sync();
    } finally {
      await handle.close();
    }
    if (written === null) return refuse(`it is larger than ${Math.floor(request.largestBytes / MEGABYTE)} MB`);
    if (written.bytes === 0) return refuse('it is empty');
    const attachment: StoredAttachment = { ...(await place(folder, temporary, written)), ...named };
    return { kind: 'stored', attachment };
  } catch (error) {
    return { kind: 'unavailable', reason: reasonOf(error) };
  } finally {
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}

type Written = { hash: string; bytes: number; head: Uint8Array };

/** Null when there is more of it than may be. */
async function write(handle: FileHandle, source: AttachmentSource, largestBytes: number): Promise<Written | null> {
  const hash = createHash('sha256');
  const head = Buffer.alloc(HEAD_BYTES);
  let bytes = 0;
  for await (const chunk of source instanceof Uint8Array ? [source] : source) {
    if (bytes + chunk.length > largestBytes) return null;
    if (bytes < HEAD_BYTES) head.set(chunk.subarray(0, HEAD_BYTES - bytes), bytes);
    for (let done = 0; done < chunk.length; ) done += (await handle.write(chunk, done)).bytesWritten;
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { hash: hash.digest('hex'), bytes, head: head.subarray(0, bytes) };
}

/** Under its lasting name, durable. Without a wait before the rename: nothing is tidied away between the look and it. */
async function place(folder: string, temporary: string, { hash, bytes, head }: Written): Promise<StoredAttachment> {
  const { type, extension } = sniffType(head);
  const path = `${ATTACHMENTS_FOLDER}/${hash.slice(0, 2)}/${hash}.${extension}`;
  const file = join(folder, path);
  if (!isThere(file, bytes)) {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    renameSync(temporary, file);
  }
  // Also of a file that was there: whoever put it there may have died before this.
  for (const name of [dirname(file), join(folder, ATTACHMENTS_FOLDER), folder]) await syncPath(name);
  return { path, type, bytes };
}

/** The same content is there already: it counts as new, so that it is not tidied away before its message is stored. */
function isThere(file: string, bytes: number): boolean {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats?.isFile() !== true || stats.size !== bytes) return false;
  const now = new Date();
  utimesSync(file, now, now);
  return true;
}

/** The content of a stored file; null when it is not there as it was stored. */
export async function readAttachment(folder: string, { path, bytes }: Pick<StoredAttachment, 'path' | 'bytes'>): Promise<Buffer | null> {
  let handle: FileHandle | null = null;
  try {
    handle = await open(join(folder, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stats = await handle.stat();
    if (!stats.isFile() || stats.size !== bytes) return null;
    return await handle.readFile();
  } catch {
    return null;
  } finally {
    await handle?.close();
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'the disk is full';
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') return `attachments cannot be written (${code})`;
  return message;
}
