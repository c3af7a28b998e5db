/** What a Broca printed last. Its folder is the agent's to write, so what stands there is not trusted to be a file. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** Of what a Broca said before it refused its configuration. */
const LONGEST_WORDS = 2_000;
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

function readEnd(file: string, from: number, longest: number): string | null {
  let descriptor: number;
  try {
    // A named pipe in its place would hold us for ever otherwise.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch {
    return null;
  }
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) return null;
    const buffer = Buffer.alloc(Math.max(0, Math.min(longest, stat.size - from)));
    readSync(descriptor, buffer, 0, buffer.length, stat.size - buffer.length);
    return buffer.toString('utf8');
  } finally {
    closeSync(descriptor);
  }
}
