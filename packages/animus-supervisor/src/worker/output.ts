/** What a Broca printed. Its folder is the agent's to write, so what stands there is not trusted to be a file. */
import { closeSync, constants, fstatSync, ftruncateSync, lstatSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';

/** Of what a Broca said before it refused its configuration. */
const LONGEST_WORDS = 2_000;
/** Raw output that goes beyond this while its Broca runs is cut: one that prints without end must not fill the disk. */
const LARGEST_OUTPUT = 64 * 1024 * 1024;
/** The end of it, which is kept as `output.log.1`. */
const KEPT_OUTPUT = 5 * 1024 * 1024;
/** V8 prints some 4 KB after it said that the heap is full: collections, then a native stack. */
const LONGEST_CRASH = 16_384;

/** Asked only of a Broca that refused its configuration, which names no secret. */
export function readLastWords(file: string, from: number): string | null {
  const text = readEnd(file, from, LONGEST_WORDS)?.trim() ?? '';
  return text === '' ? null : text;
}

/** For looking into, not for showing. */
export function readCrash(file: string, from: number): string | null {
  return readEnd(file, from, LONGEST_CRASH);
}

/**
 * Sets the end of an `output.log` that has grown beyond its bound aside and begins it anew. Broca and its children go on
 * appending to the same file. True when it was cut.
 */
export function boundOutput(file: string, largest: number = LARGEST_OUTPUT): boolean {
  // Asked of every agent again and again, and nearly always no.
  if (sizeOf(file) <= largest) return false;
  return (
    withFile(file, constants.O_RDWR, (descriptor, size) => {
      if (size <= largest) return false;
      const end = readBytes(descriptor, size, Math.min(KEPT_OUTPUT, largest));
      // Room first: on a full disk nothing could be set aside.
      ftruncateSync(descriptor, 0);
      keepAside(`${file}.1`, end);
      return true;
    }) ?? false
  );
}

function sizeOf(file: string): number {
  try {
    return lstatSync(file, { throwIfNoEntry: false })?.size ?? 0;
  } catch {
    return 0;
  }
}

function keepAside(file: string, bytes: Buffer): void {
  const temporary = `${file}.new`;
  rmSync(temporary, { force: true });
  const descriptor = openSync(temporary, 'wx', 0o600);
  try {
    writeSync(descriptor, bytes);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, file);
}

function readEnd(file: string, from: number, longest: number): string | null {
  return withFile(file, constants.O_RDONLY, (descriptor, size) => {
    // Shorter than it was: it was cut meanwhile, and all of it is new.
    const since = size < from ? 0 : from;
    return readBytes(descriptor, size, Math.min(longest, size - since)).toString('utf8');
  });
}

function readBytes(descriptor: number, size: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  readSync(descriptor, buffer, 0, length, size - length);
  return buffer;
}

/** Null when it cannot be opened, or is no file. */
function withFile<T>(file: string, flags: number, use: (descriptor: number, size: number) => T): T | null {
  let descriptor: number;
  try {
    // A named pipe in its place would hold us for ever otherwise.
    descriptor = openSync(file, flags | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch {
    return null;
  }
  try {
    const stat = fstatSync(descriptor);
    return stat.isFile() ? use(descriptor, stat.size) : null;
  } finally {
    closeSync(descriptor);
  }
}
