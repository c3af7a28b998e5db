/** Reads what a snapshot of a log holds: the last lines, backwards from its end, or all of them, piece by piece. */
import { type LogSnapshot, openRotated, readPart, writtenAt } from './files.ts';
import { isChosen, type LineFilter, type LogLine, readLine } from './line.ts';

/** Files are read in pieces of this size: a fleet's logs are larger than its memory. */
const PIECE_BYTES = 256 * 1024;
const NEWLINE = 10;

/** One file of a snapshot. */
type Readable = { bytes(start: number, end: number): Buffer; size: number; close(): void };

/** The last `count` lines that are chosen, oldest first. */
export function readLast(snapshot: LogSnapshot, filter: LineFilter, count: number): LogLine[] {
  let newest: LogLine[] = [];
  for (const file of [...filesOf(snapshot, filter)].reverse()) {
    if (newest.length >= count) break;
    newest = [...withOpen(file, (opened) => lastOf(snapshot.from, opened, filter, count - newest.length)), ...newest];
  }
  return newest;
}

/** Every line that is chosen, oldest first, read as it is asked for. */
export function* readAll(snapshot: LogSnapshot, filter: LineFilter): Generator<LogLine> {
  for (const open of filesOf(snapshot, filter)) {
    const file = open();
    if (file === null) continue;
    try {
      yield* allOf(snapshot.from, file, filter);
    } finally {
      file.close();
    }
  }
}

/** Lines of several logs as one, by time; each log's own order stays. */
export function* mergeByTime(logs: readonly Generator<LogLine>[]): Generator<LogLine> {
  const heads = logs.flatMap((log) => {
    const first = log.next();
    return first.done === true ? [] : [{ log, line: first.value }];
  });
  while (heads.length > 0) {
    const earliest = heads.reduce((best, head) => (head.line.at < best.line.at ? head : best));
    yield earliest.line;
    const next = earliest.log.next();
    if (next.done === true) heads.splice(heads.indexOf(earliest), 1);
    else earliest.line = next.value;
  }
}

type Opener = () => Readable | null;

/** Oldest first, without those that end before the time asked for. */
function filesOf({ rotated, current }: LogSnapshot, { since }: LineFilter): Opener[] {
  const inTime = rotated.filter((file) => since === null || writtenAt(file) >= since);
  const openers: Opener[] = inTime.map((file) => () => openRotated(file));
  if (current === null) return openers;
  const { descriptor, size } = current;
  // The snapshot's owner closes it.
  return [...openers, () => ({ size, bytes: (start, end) => readPart(descriptor, start, end), close: () => undefined })];
}

function withOpen<T>(open: Opener, use: (file: Readable) => T[]): T[] {
  const file = open();
  if (file === null) return [];
  try {
    return use(file);
  } finally {
    file.close();
  }
}

function lastOf(from: string, file: Readable, filter: LineFilter, count: number): LogLine[] {
  for (let length = PIECE_BYTES; ; length *= 4) {
    const start = Math.max(0, file.size - length);
    const bytes = file.bytes(start, file.size);
    // The first line of a piece is half a line.
    const whole = start === 0 ? bytes : bytes.subarray(bytes.indexOf(NEWLINE) + 1 || bytes.length);
    const chosen = chooseLines(from, whole.toString('utf8'), filter);
    if (start === 0 || chosen.length >= count) return chosen.slice(-count);
  }
}

function* allOf(from: string, file: Readable, filter: LineFilter): Generator<LogLine> {
  let rest: Buffer = Buffer.alloc(0);
  let before: number | null = null;
  for (let at = 0; at < file.size; at += PIECE_BYTES) {
    const piece = Buffer.concat([rest, file.bytes(at, Math.min(file.size, at + PIECE_BYTES))]);
    const isLast = at + PIECE_BYTES >= file.size;
    const end = isLast ? piece.length : piece.lastIndexOf(NEWLINE) + 1;
    rest = piece.subarray(end);
    for (const line of readLines(from, piece.subarray(0, end).toString('utf8'), before)) {
      before = line.at;
      if (isChosen(line, filter)) yield line;
    }
  }
}

export function chooseLines(from: string, text: string, filter: LineFilter): LogLine[] {
  return readLines(from, text, null).filter((line) => isChosen(line, filter));
}

/** A line that does not say when has the time of the one before it; at the very beginning, of the first that says. */
function readLines(from: string, text: string, before: number | null): LogLine[] {
  const lines: LogLine[] = [];
  let at = before;
  for (const raw of text.split('\n')) {
    if (raw === '') continue;
    const line = readLine(from, raw, at ?? 0);
    if (at === null && line.at !== 0) for (const earlier of lines) earlier.at = line.at;
    if (line.at !== 0) at = line.at;
    lines.push(line);
  }
  return lines;
}
