/**
 * Follows logs as they grow: looked at four times a second, since watchers are few (inotify) and a rotation is a
 * rename. What was written to a file before it was rotated away is still read, and the files in between.
 */
import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type LogSnapshot, type LogSource, listRotated, type OpenFile, openFile, readPart, takeSnapshot } from './files.ts';
import type { LineFilter, LogLine } from './line.ts';
import { chooseLines } from './read.ts';

const LOOK_EVERY_MS = 250;
const PIECE_BYTES = 1024 * 1024;
const NEWLINE = 10;

/** `size` of the open file is how far it was read. */
type Followed = LogSource & { open: OpenFile | null; rest: Buffer };

export type Follower = {
  /** What was there when the following began: what comes after is the follower's to show. */
  snapshots: readonly LogSnapshot[];
  /** Gives new lines until `signal` aborts. */
  follow(filter: LineFilter, onLines: (lines: LogLine[]) => void, signal: AbortSignal): Promise<void>;
  [Symbol.dispose](): void;
};

/** Begins at the ends of the files as they are now. `sources` is asked at each look, so that an agent deployed meanwhile is followed too. */
export function createFollower(sources: () => LogSource[]): Follower {
  const followed = new Map<string, Followed>();
  const snapshots = sources().map((source) => {
    const snapshot = takeSnapshot(source);
    const open = snapshot.current === null ? null : atLineEnd(snapshot.current);
    followed.set(source.file, { ...source, open: open === null ? null : { ...open }, rest: Buffer.alloc(0) });
    return { ...snapshot, current: open };
  });
  return {
    snapshots,
    async follow(filter, onLines, signal) {
      while (!signal.aborted) {
        await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
        for (const source of sources()) {
          if (!followed.has(source.file)) followed.set(source.file, { ...source, open: null, rest: Buffer.alloc(0) });
        }
        const lines = [...followed.values()].flatMap((each) => readGrown(each, filter));
        if (lines.length > 0) onLines(lines.sort((a, b) => a.at - b.at));
      }
    },
    [Symbol.dispose]() {
      for (const { open } of followed.values()) if (open !== null) fs.closeSync(open.descriptor);
    },
  };
}

/** A line that is half written is the follower's, whole. */
function atLineEnd(open: OpenFile): OpenFile {
  const from = Math.max(0, open.size - PIECE_BYTES);
  const end = readPart(open.descriptor, from, open.size).lastIndexOf(NEWLINE);
  return { ...open, size: end === -1 && from > 0 ? open.size : from + end + 1 };
}

function readGrown(followed: Followed, filter: LineFilter): LogLine[] {
  const isNew = followed.open === null;
  if (isNew) reopen(followed, followed.file);
  const lines = readOpen(followed, filter);
  const inode = fs.statSync(followed.file, { throwIfNoEntry: false })?.ino;
  if (followed.open === null || inode === undefined || inode === followed.open.inode) return lines;
  // Rotated, perhaps more than once since the last look.
  lines.push(...readOpen(followed, filter));
  const rotated = listRotated(followed);
  const left = rotated.findIndex((each) => each.inode === followed.open?.inode);
  const missed = isNew || left === -1 ? [] : rotated.slice(left + 1).filter((each) => each.inode !== inode);
  for (const file of [...missed.map((each) => each.file), followed.file]) {
    reopen(followed, file);
    lines.push(...readOpen(followed, filter));
  }
  return lines;
}

function reopen(followed: Followed, file: string): void {
  if (followed.open !== null) fs.closeSync(followed.open.descriptor);
  const open = openFile(file);
  followed.open = open === null ? null : { ...open, size: 0 };
  followed.rest = Buffer.alloc(0);
}

function readOpen(followed: Followed, filter: LineFilter): LogLine[] {
  const { open } = followed;
  if (open === null) return [];
  const { size } = fs.fstatSync(open.descriptor);
  if (size === open.size) return [];
  // Cut short from outside: what is there now is new.
  if (size < open.size) open.size = 0;
  const lines: LogLine[] = [];
  while (open.size < size) {
    const bytes = readPart(open.descriptor, open.size, Math.min(size, open.size + PIECE_BYTES));
    if (bytes.length === 0) break;
    open.size += bytes.length;
    const all = Buffer.concat([followed.rest, bytes]);
    const end = all.lastIndexOf(NEWLINE) + 1;
    followed.rest = all.subarray(end);
    lines.push(...chooseLines(followed.from, all.subarray(0, end).toString('utf8'), filter));
  }
  return lines;
}
