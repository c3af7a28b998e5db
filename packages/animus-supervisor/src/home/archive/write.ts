/**
 * Writes an archive: tar, gzip, encryption, file, in one stream. It is whole and durable under its name or not
 * there: a hidden file beside it is renamed in as the last step.
 */
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { createGzip } from 'node:zlib';
import { createTarPacker, type TarPackController } from 'modern-tar';
import { FILE_MODE } from '../modes.ts';
import { syncPath } from '../sync.ts';
import { type Encryption, encryptThrough } from './encryption.ts';
import { type ArchivedFile, MANIFEST, type Manifest } from './manifest.ts';

/** `name` with `/` between its parts, relative. */
export type ArchiveEntry = { name: string; file: string } | { name: string; text: string };

export type WriteRequest = {
  /** Must not be there yet; its folder must. */
  file: string;
  entries: readonly ArchiveEntry[];
  manifest: Manifest;
  encryption: Encryption | null;
  signal: AbortSignal;
};

/** Fast: a nightly backup of a whole fleet should cost little, and text shrinks well even so. */
const GZIP_LEVEL = 1;
/** Smaller files are read in one go: somebody may be changing them. */
const SMALL_BYTES = 1024 * 1024;
const UNFINISHED = /^\.unfinished-.+\.(\d+)\.[0-9a-f]{8}$/;

/** Gives the manifest as it was written and the archive's size. Throws what the system says (no room, no permission). */
export async function writeArchive(request: WriteRequest): Promise<{ manifest: Manifest; bytes: number }> {
  const { file, encryption, signal } = request;
  const hidden = path.join(path.dirname(file), `.unfinished-${path.basename(file)}.${process.pid}.${randomBytes(4).toString('hex')}`);
  const manifest: Manifest = { ...request.manifest, files: {} };
  try {
    const { readable, controller } = createTarPacker();
    const packing = pack(controller, request.entries, manifest);
    const compressed = createGzip({ level: GZIP_LEVEL });
    const packed = pipeline(Readable.fromWeb(readable as ReadableStream<Uint8Array>), compressed, { signal });
    const sealed = encryption === null ? compressed : await encryptThrough(encryption)(compressed);
    const written = pipeline(sealed, fs.createWriteStream(hidden, { flags: 'wx', mode: FILE_MODE, flush: true }), { signal });
    // The first to fail is the cause; the others fail of it.
    await Promise.all([packing, packed, written]);
    // A link, not a rename: whoever was faster keeps the name.
    fs.linkSync(hidden, file);
    syncPath(path.dirname(file));
    return { manifest, bytes: fs.statSync(file).size };
  } finally {
    fs.rmSync(hidden, { force: true });
  }
}

/** Deletes what makers that are dead left unfinished in a folder. */
export function sweepUnfinished(folder: string, isAlive: (pid: number) => boolean): void {
  for (const name of fs.existsSync(folder) ? fs.readdirSync(folder) : []) {
    const pid = UNFINISHED.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) fs.rmSync(path.join(folder, name), { force: true });
  }
}

async function pack(controller: TarPackController, entries: readonly ArchiveEntry[], manifest: Manifest): Promise<void> {
  try {
    for (const entry of entries) {
      const archived = await addEntry(controller, entry);
      if (archived !== null) manifest.files[entry.name] = archived;
    }
    await addBytes(controller, MANIFEST, Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`));
    controller.finalize();
  } catch (error) {
    controller.error(error);
    throw error;
  }
}

/** Null for a file that has been deleted since it was listed. */
async function addEntry(controller: TarPackController, entry: ArchiveEntry): Promise<ArchivedFile | null> {
  if ('text' in entry) return await addBytes(controller, entry.name, Buffer.from(entry.text));
  let opened: fs.promises.FileHandle;
  try {
    opened = await fs.promises.open(entry.file, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  try {
    const { size } = await opened.stat();
    if (size <= SMALL_BYTES) return await addBytes(controller, entry.name, await opened.readFile());
    return await addLarge(controller, entry.name, opened, size);
  } finally {
    await opened.close();
  }
}

async function addBytes(controller: TarPackController, name: string, bytes: Uint8Array): Promise<ArchivedFile> {
  const writer = controller.add({ name, size: bytes.length, type: 'file', mode: FILE_MODE, mtime: new Date() }).getWriter();
  if (bytes.length > 0) await writer.write(bytes);
  await writer.close();
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

async function addLarge(controller: TarPackController, name: string, opened: fs.promises.FileHandle, size: number): Promise<ArchivedFile> {
  const hash = createHash('sha256');
  const writer = controller.add({ name, size, type: 'file', mode: FILE_MODE, mtime: new Date() }).getWriter();
  for (let at = 0; at < size; ) {
    const chunk = Buffer.allocUnsafe(Math.min(SMALL_BYTES, size - at));
    const { bytesRead } = await opened.read(chunk, 0, chunk.length, at);
    if (bytesRead === 0) throw new Error(`${name} became shorter while it was read: try again`);
    const read = new Uint8Array(chunk.buffer, chunk.byteOffset, bytesRead);
    hash.update(read);
    await writer.write(read);
    at += bytesRead;
  }
  await writer.close();
  return { bytes: size, sha256: hash.digest('hex') };
}
