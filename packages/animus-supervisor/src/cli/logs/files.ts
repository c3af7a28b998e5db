/** The log files of an agent or of the supervisor, rotated ones included, and their last lines. */
import fs from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { isChosen, type LineFilter, type LogLine, readLine } from './line.ts';

/** A log that goes on in `file`; what was rotated from it lies beside it. */
export type LogSource = { from: string; file: string };

/** Files are read backwards in pieces of this size until enough lines are there. */
const PIECE_BYTES = 256 * 1024;

/** Rotated files first, oldest to newest, then the one being written. */
export function listFiles({ file }: LogSource): string[] {
  const folder = path.dirname(file);
  const stem = path.basename(file, '.log');
  const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  // `broca-20261123T215700123Z.log`; and `.gz`, `.log.1` as other rotations name theirs.
  const isRotated = (name: string): boolean =>
    name !== path.basename(file) && new RegExp(`^${stem}(-\\d{8}T\\d+Z\\.log|\\.log\\.\\d+)(\\.gz)?$`).test(name);
  const dated = names
    .filter(isRotated)
    .map((name) => ({ name, at: fs.statSync(path.join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0 }));
  dated.sort((a, b) => a.at - b.at || (a.name < b.name ? -1 : 1));
  const rotated = dated.map(({ name }) => path.join(folder, name));
  return fs.existsSync(file) ? [...rotated, file] : rotated;
}

/**
 * The last `count` lines that are chosen, oldest first; `null` gives all. Of the file being written, only what
 * comes before `end` (null: all of it).
 */
export function readLast(source: LogSource, filter: LineFilter, count: number | null, end: number | null): LogLine[] {
  let newest: LogLine[] = [];
  for (const file of listFiles(source).reverse()) {
    const wanted = count === null ? null : count - newest.length;
    if (wanted !== null && wanted <= 0) break;
    // Rotated earlier than asked for: nothing older can be in time either.
    if (filter.since !== null && (fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) < filter.since) break;
    newest = [...lastOfFile(source.from, file, filter, wanted, file === source.file ? end : null), ...newest];
  }
  return newest;
}

function lastOfFile(from: string, file: string, filter: LineFilter, count: number | null, end: number | null): LogLine[] {
  if (count === null || file.endsWith('.gz')) {
    const bytes = fs.readFileSync(file).subarray(0, end ?? undefined);
    const chosen = chooseLines(from, (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8'), filter);
    return count === null ? chosen : chosen.slice(-count);
  }
  const size = Math.min(fs.statSync(file).size, end ?? Number.POSITIVE_INFINITY);
  for (let length = PIECE_BYTES; ; length *= 4) {
    const start = Math.max(0, size - length);
    const text = readPart(file, start, size);
    // The first line of a piece is half a line.
    const chosen = chooseLines(from, start === 0 ? text : text.slice(text.indexOf('\n') + 1), filter);
    if (start === 0 || chosen.length >= count) return chosen.slice(-count);
  }
}

export function chooseLines(from: string, text: string, filter: LineFilter): LogLine[] {
  const chosen: LogLine[] = [];
  let before = 0;
  for (const raw of text.split('\n')) {
    if (raw === '') continue;
    const line = readLine(from, raw, before);
    before = line.at;
    if (isChosen(line, filter)) chosen.push(line);
  }
  return chosen;
}

export function readPart(file: string, start: number, end: number): string {
  const opened = fs.openSync(file, 'r');
  try {
    const buffer = Buffer.alloc(Math.max(0, end - start));
    const read = fs.readSync(opened, buffer, 0, buffer.length, start);
    return buffer.subarray(0, read).toString('utf8');
  } finally {
    fs.closeSync(opened);
  }
}
