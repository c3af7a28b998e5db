/**
 * The log files of one writer, rotated ones included, as they are at one moment: a rotation from then on loses no line
 * and shows none twice. What is written after that moment is the follower's (follow.ts).
 */
import fs from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

/** A log that goes on in `file`; what was rotated from it lies beside it. */
export type LogSource = { from: string; file: string };

/** The file being written, held open: a rename takes nothing away. */
export type OpenFile = { descriptor: number; inode: number; size: number };

export type LogSnapshot = {
  from: string;
  /** Oldest first. They are not written any more. */
  rotated: readonly string[];
  /** Null when none is being written. */
  current: OpenFile | null;
};

export function takeSnapshot(source: LogSource): LogSnapshot {
  const current = openFile(source.file);
  // Listed after it was opened: one that was rotated in between is in the list too, and is the one we hold.
  const rotated = listRotated(source).filter(({ inode }) => inode !== current?.inode);
  return { from: source.from, rotated: rotated.map(({ file }) => file), current };
}

export function closeSnapshot({ current }: LogSnapshot): void {
  if (current !== null) fs.closeSync(current.descriptor);
}

export function openFile(file: string): OpenFile | null {
  try {
    const descriptor = fs.openSync(file, 'r');
    const { ino: inode, size } = fs.fstatSync(descriptor);
    return { descriptor, inode, size };
  } catch {
    return null;
  }
}

/** What lies beside a log and was rotated from it, oldest first. */
export function listRotated({ file }: LogSource): { file: string; inode: number }[] {
  const folder = path.dirname(file);
  const stem = path.basename(file, '.log');
  const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  // `broca-20261123T215700123Z.log`; and `.gz`, `.log.1` as other rotations name theirs.
  const isRotated = (name: string): boolean =>
    name.startsWith(stem) && /^(-\d{8}T\d+Z\.log|\.log\.\d+)(\.gz)?$/.test(name.slice(stem.length));
  const dated = names.filter(isRotated).flatMap((name) => {
    const stat = fs.statSync(path.join(folder, name), { throwIfNoEntry: false });
    return stat === undefined ? [] : [{ name, at: stat.mtimeMs, inode: stat.ino }];
  });
  dated.sort((a, b) => a.at - b.at || (a.name < b.name ? -1 : 1));
  return dated.map(({ name, inode }) => ({ file: path.join(folder, name), inode }));
}

/** When a file was written last, in ms of the epoch; 0 when it is gone. */
export function writtenAt(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Gives a rotated file to be read; null when it was tidied away meanwhile. */
export function openRotated(file: string): { bytes(start: number, end: number): Buffer; size: number; close(): void } | null {
  if (file.endsWith('.gz')) {
    const whole = readWhole(file);
    return whole === null ? null : { size: whole.length, bytes: (start, end) => whole.subarray(start, end), close: () => undefined };
  }
  const opened = openFile(file);
  if (opened === null) return null;
  const { descriptor, size } = opened;
  return { size, bytes: (start, end) => readPart(descriptor, start, end), close: () => fs.closeSync(descriptor) };
}

export function readPart(descriptor: number, start: number, end: number): Buffer {
  const buffer = Buffer.allocUnsafe(Math.max(0, end - start));
  let read = 0;
  for (let more = -1; more !== 0 && read < buffer.length; read += more) {
    more = fs.readSync(descriptor, buffer, read, buffer.length - read, start + read);
  }
  return buffer.subarray(0, read);
}

function readWhole(file: string): Buffer | null {
  try {
    return gunzipSync(fs.readFileSync(file));
  } catch {
    return null;
  }
}
