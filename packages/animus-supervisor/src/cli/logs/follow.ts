/**
 * Follows logs as they grow: looked at four times a second, since watchers are few (inotify) and a rotation is a
 * rename. What was written to a file before it was rotated away is still read.
 */
import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { chooseLines, type LogSource } from './files.ts';
import type { LineFilter, LogLine } from './line.ts';

const LOOK_EVERY_MS = 250;
const PIECE_BYTES = 1024 * 1024;

type Followed = LogSource & { descriptor: number | null; inode: number; at: number; rest: Buffer };

export type Follower = {
  /** How much of a file was there when the following began: what comes after is the follower's to show. */
  endOf(file: string): number | null;
  /** Gives new lines until `signal` aborts. */
  follow(filter: LineFilter, onLines: (lines: LogLine[]) => void, signal: AbortSignal): Promise<void>;
  [Symbol.dispose](): void;
};

/** Begins at the ends of the files as they are now. `sources` is asked at each look, so that an agent deployed meanwhile is followed too. */
export function createFollower(sources: () => LogSource[]): Follower {
  const followed = new Map<string, Followed>();
  for (const source of sources()) followed.set(source.file, openAtEnd(source));
  return {
    endOf: (file) => followed.get(file)?.at ?? null,
    async follow(filter, onLines, signal) {
      while (!signal.aborted) {
        await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
        for (const source of sources()) if (!followed.has(source.file)) followed.set(source.file, { ...source, ...NOT_OPEN });
        const lines = [...followed.values()].flatMap((each) => readGrown(each, filter));
        if (lines.length > 0) onLines(lines.sort((a, b) => a.at - b.at));
      }
    },
    [Symbol.dispose]() {
      for (const { descriptor } of followed.values()) if (descriptor !== null) fs.closeSync(descriptor);
    },
  };
}

const NOT_OPEN = { descriptor: null, inode: 0, at: 0, rest: Buffer.alloc(0) };

function openAtEnd(source: LogSource): Followed {
  const followed: Followed = { ...source, ...NOT_OPEN };
  open(followed);
  if (followed.descriptor !== null) followed.at = fs.fstatSync(followed.descriptor).size;
  return followed;
}

function open(followed: Followed): void {
  try {
    followed.descriptor = fs.openSync(followed.file, 'r');
    followed.inode = fs.fstatSync(followed.descriptor).ino;
    followed.at = 0;
  } catch {
    followed.descriptor = null;
  }
}

function readGrown(followed: Followed, filter: LineFilter): LogLine[] {
  if (followed.descriptor === null) open(followed);
  const lines = readOpen(followed, filter);
  const inode = fs.statSync(followed.file, { throwIfNoEntry: false })?.ino;
  if (followed.descriptor === null || inode === undefined || inode === followed.inode) return lines;
  fs.closeSync(followed.descriptor);
  open(followed);
  return [...lines, ...readOpen(followed, filter)];
}

function readOpen(followed: Followed, filter: LineFilter): LogLine[] {
  if (followed.descriptor === null) return [];
  // Cut short from outside: what is there now is new.
  if (fs.fstatSync(followed.descriptor).size < followed.at) followed.at = 0;
  const pieces = [followed.rest];
  for (let read = -1; read !== 0; ) {
    const buffer = Buffer.alloc(PIECE_BYTES);
    read = fs.readSync(followed.descriptor, buffer, 0, buffer.length, followed.at);
    followed.at += read;
    pieces.push(buffer.subarray(0, read));
  }
  const all = Buffer.concat(pieces);
  const end = all.lastIndexOf(10) + 1;
  followed.rest = all.subarray(end);
  return chooseLines(followed.from, all.subarray(0, end).toString('utf8'), filter);
}
