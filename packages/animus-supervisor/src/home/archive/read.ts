/**
 * Reads an archive into an empty folder. It may come from anybody: only plain files are taken, under plain names
 * below the folder, each once, no more than there is room for, and in the end each must be what the manifest says.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { type Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { WritableStream } from 'node:stream/web';
import { createGunzip } from 'node:zlib';
import { failed, type Result } from 'animus-protocol';
import { createTarDecoder, type ParsedTarEntry } from 'modern-tar';
import { FILE_MODE, FOLDER_MODE } from '../modes.ts';
import { decryptThrough, sealingOf } from './encryption.ts';
import { type ArchivedFile, MANIFEST, type Manifest, parseManifest } from './manifest.ts';
import { isArchiveName } from './name.ts';

export type ReadRequest = {
  file: string;
  /** Private, empty, and thrown away by the caller when this fails. */
  into: string;
  /** File with age's secret keys; null where none was named. */
  identity: string | null;
  /** Which names may be in it. */
  isExpected: (name: string) => boolean;
  signal: AbortSignal;
};

const MOST_FILES = 1_000_000;
/** Half a million files are named in so much. */
const LONGEST_MANIFEST = 128 * 1024 * 1024;
/** So much of the disk is left free, as others need some too. */
const ROOM_LEFT = 64 * 1024 * 1024;

/** Why an archive is not taken; thrown inside this file alone. */
class Refusal extends Error {}

/** The error says what is wrong with the archive, or what is missing to read it. */
export async function readArchive(request: ReadRequest): Promise<Result<Manifest, string>> {
  const { file, identity, signal } = request;
  if (fs.statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return failed(`there is no file ${file}`);
  const sealing = sealingOf(file);
  if (sealing === null) return failed(`${file} is no archive of ours: it is neither a .tar.gz nor encrypted with age or gpg`);
  const through = decryptThrough(sealing, identity);
  if (!through.ok) return failed(`${file}: ${through.error}`);
  try {
    const opened = await through.value(fs.createReadStream(file));
    return judge(await unpack(opened, request));
  } catch (error) {
    if (signal.aborted) return failed('interrupted');
    return failed(`${file} cannot be read: ${explain(error)}`);
  }
}

async function unpack(opened: Readable, request: ReadRequest): Promise<Taken> {
  const decoder = createTarDecoder({ strict: true });
  const refusing = new AbortController();
  const destination = Writable.fromWeb(decoder.writable as WritableStream);
  const decoded = pipeline(opened, createGunzip(), destination, { signal: AbortSignal.any([request.signal, refusing.signal]) });
  const taking = takeEntries(decoder.readable, request).catch((error: unknown) => {
    refusing.abort();
    throw error;
  });
  const [taken, read] = await Promise.allSettled([taking, decoded]);
  if (taken.status === 'rejected' && (taken.reason instanceof Refusal || read.status === 'fulfilled')) throw taken.reason;
  if (read.status === 'rejected') throw read.reason;
  if (taken.status === 'rejected') throw taken.reason;
  return taken.value;
}

type Taken = { files: Map<string, ArchivedFile>; manifest: string | null };

async function takeEntries(entries: ReadableStream<ParsedTarEntry>, request: ReadRequest): Promise<Taken> {
  const taken: Taken = { files: new Map(), manifest: null };
  const { bavail, bsize } = fs.statfsSync(request.into);
  let room = bavail * bsize - ROOM_LEFT;
  for await (const { header, body } of entries) {
    if (taken.manifest !== null) throw new Refusal(`something stands after its ${MANIFEST}`);
    if (header.type === 'directory') {
      await body.cancel();
      continue;
    }
    const name = checkName(header.name);
    if (header.type !== undefined && header.type !== 'file') throw new Refusal(`${name} is a ${header.type}, and only files are taken`);
    room -= header.size;
    if (room < 0) throw new Refusal('there is no room for what it holds: make some, or set TMPDIR or --to to another disk');
    if (name === MANIFEST) {
      if (header.size > LONGEST_MANIFEST) throw new Refusal(`its ${MANIFEST} is too large`);
      taken.manifest = await readText(body);
      continue;
    }
    if (!request.isExpected(name)) throw new Refusal(`${name} does not belong into an agent's archive`);
    if (taken.files.has(name)) throw new Refusal(`${name} is in it twice`);
    if (taken.files.size >= MOST_FILES) throw new Refusal(`it has more than ${MOST_FILES} files`);
    taken.files.set(name, await takeFile(body, path.join(request.into, name)));
  }
  return taken;
}

function checkName(name: string): string {
  if (!isArchiveName(name)) throw new Refusal(`${JSON.stringify(name.slice(0, 80))} is no name for a file in it`);
  return name;
}

async function takeFile(body: ReadableStream<Uint8Array>, file: string): Promise<ArchivedFile> {
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: FOLDER_MODE });
  const hash = createHash('sha256');
  let bytes = 0;
  const opened = fs.openSync(file, 'wx', FILE_MODE);
  try {
    for await (const chunk of body) {
      hash.update(chunk);
      for (let done = 0; done < chunk.length; ) done += fs.writeSync(opened, chunk, done);
      bytes += chunk.length;
    }
  } finally {
    fs.closeSync(opened);
  }
  return { bytes, sha256: hash.digest('hex') };
}

async function readText(body: ReadableStream<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function judge({ files, manifest }: Taken): Result<Manifest, string> {
  if (manifest === null) return failed(`it is not whole: its ${MANIFEST}, which stands last, is missing`);
  const parsed = parseManifest(manifest);
  if (!parsed.ok) return parsed;
  const promised = new Map(Object.entries(parsed.value.files));
  for (const [name, { bytes, sha256 }] of promised) {
    const found = files.get(name);
    if (found === undefined) return failed(`${name} is missing from it`);
    if (found.bytes !== bytes || found.sha256 !== sha256) return failed(`${name} in it is not what was written: its hash differs`);
  }
  const extra = [...files.keys()].find((name) => !promised.has(name));
  return extra === undefined ? parsed : failed(`${extra} is in it, and its ${MANIFEST} does not name it`);
}

function explain(error: unknown): string {
  if (error instanceof Refusal) return error.message;
  const message = error instanceof Error ? error.message : String(error);
  if (/no identity matched/i.test(message)) return 'none of the keys in --identity opens it';
  if (/unexpected end of file|truncated/i.test(message)) return 'it is cut short';
  return message;
}
