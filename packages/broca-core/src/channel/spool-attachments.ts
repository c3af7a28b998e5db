/**
 * Files that lie in the spool's inbox beside a message that names them: stored before the message is,
 * removed after it.
 */
import { closeSync, constants, fstatSync, openSync, read as readLater, type Stats } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { failed, ok, type Result } from 'animus-protocol';
import type { Attachment, AttachmentReceipt, AttachmentSource } from '../message.ts';

const read = promisify(readLater);
const CHUNK_BYTES = 256 * 1024;

export type StoreFile = (source: AttachmentSource, about: { name: string }) => Promise<AttachmentReceipt>;

export type TakenFile = { name: string; stats: Stats };

export type TakenFiles =
  | { kind: 'taken'; attachments: Attachment[]; files: TakenFile[] }
  /** The message can never be taken with what it names. */
  | { kind: 'refused'; reason: string }
  /** One is not there yet, or is still being written. */
  | { kind: 'unfinished'; reason: string }
  | { kind: 'unavailable'; reason: string };

/** `isYoung`: the message was written just now, so what it names may still be on its way. */
export async function takeFiles(folder: string, names: readonly string[], isYoung: boolean, store: StoreFile): Promise<TakenFiles> {
  const attachments: Attachment[] = [];
  const files: TakenFile[] = [];
  for (const name of names) {
    const taken = await takeFile(folder, name, store);
    switch (taken.kind) {
      case 'taken':
        attachments.push(taken.attachment);
        files.push({ name, stats: taken.stats });
        break;
      case 'missing':
        if (isYoung) return { kind: 'unfinished', reason: `${name} is not there yet` };
        // Where an earlier Broca stored the message and died before it removed it, this is a duplicate.
        attachments.push({ missed: 'there was no such file', name });
        break;
      default:
        return taken;
    }
  }
  return { kind: 'taken', attachments, files };
}

type TakenOne = { kind: 'taken'; attachment: Attachment; stats: Stats } | { kind: 'missing' } | Exclude<TakenFiles, { kind: 'taken' }>;

async function takeFile(folder: string, name: string, store: StoreFile): Promise<TakenOne> {
  const refused = (reason: string): TakenOne => ({ kind: 'refused', reason: `attachment ${JSON.stringify(name)}: ${reason}` });
  const fault = nameFault(name);
  if (fault !== null) return refused(fault);
  const opened = open(folder, name);
  if (!opened.ok) return opened.error.kind === 'refused' ? refused(opened.error.reason) : opened.error;
  const descriptor = opened.value;
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) return refused('it is no regular file');
    const receipt = await store(readChunks(descriptor), { name });
    if (receipt.kind === 'unavailable') return { kind: 'unavailable', reason: receipt.reason };
    if (!isSame(stats, fstatSync(descriptor))) return { kind: 'unfinished', reason: `${name} changed while it was read` };
    return receipt.kind === 'refused' ? refused(receipt.reason) : { kind: 'taken', attachment: receipt.attachment, stats };
  } finally {
    closeSync(descriptor);
  }
}

/** A stream of node:fs would close the descriptor when it is left early. */
async function* readChunks(descriptor: number): AsyncGenerator<Uint8Array> {
  for (;;) {
    const { bytesRead, buffer } = await read(descriptor, Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Of files that are beside the message and nowhere else. */
function nameFault(name: string): string | null {
  if (/[/\\\0]/.test(name) || name === '') return 'write the name of a file that lies in the inbox, without a folder';
  if (name.startsWith('.')) return 'hidden files are not taken';
  if (name.endsWith('.json')) return 'a file whose name ends in .json is a message';
  return Buffer.byteLength(name) > 255 ? 'the name is too long' : null;
}

function open(folder: string, name: string): Result<number, { kind: 'missing' } | { kind: 'refused'; reason: string }> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    // O_NONBLOCK: opening a fifo without it waits for a writer, for ever.
    return ok(openSync(join(folder, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return failed({ kind: 'missing' });
    const reason = code === 'ELOOP' ? 'it is a symbolic link' : code === 'EACCES' || code === 'EPERM' ? 'Broca may not read it' : message;
    return failed({ kind: 'refused', reason });
  }
}

export function isSame(one: Stats, other: Stats): boolean {
  return one.ino === other.ino && one.dev === other.dev && one.size === other.size && one.mtimeMs === other.mtimeMs;
}
