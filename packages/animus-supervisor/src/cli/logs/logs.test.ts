import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { closeSnapshot, type LogSource, takeSnapshot } from './files.ts';
import { readInstant } from './filter.ts';
import { createFollower } from './follow.ts';
import { EVERYTHING, type LogLine } from './line.ts';
import { mergeByTime, readAll, readLast } from './read.ts';

let folder: string;
let source: LogSource;
let made = 0;

before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'logs-'));
});
after(() => fs.rmSync(folder, { recursive: true }));
beforeEach(() => {
  made += 1;
  const own = path.join(folder, String(made));
  fs.mkdirSync(own);
  source = { from: 'agent-a', file: path.join(own, 'broca.log') };
});

function line(number: number, filling = ''): string {
  return `${JSON.stringify({ level: 'info', time: 1_000 + number, event: `e${number}`, filling })}\n`;
}

function beside(name: string): string {
  return path.join(path.dirname(source.file), name);
}

const texts = (lines: Iterable<LogLine>): string[] => [...lines].map(({ raw }) => `${raw}\n`);

function all(of: LogSource = source): string[] {
  const snapshot = takeSnapshot(of);
  try {
    return texts(readAll(snapshot, EVERYTHING));
  } finally {
    closeSnapshot(snapshot);
  }
}

describe('what is kept', () => {
  it('is read whole, larger than a piece, with every letter whole and a torn last line', () => {
    const lines = Array.from({ length: 2_000 }, (_, number) => line(number, 'äöü€😀'.repeat(number % 60)));
    fs.writeFileSync(source.file, `${lines.join('')}half`);
    assert.deepEqual(all(), [...lines, 'half\n']);
    const snapshot = takeSnapshot(source);
    assert.deepEqual(texts(readLast(snapshot, EVERYTHING, 1_700)), [...lines, 'half\n'].slice(-1_700));
    closeSnapshot(snapshot);
  });

  it('is read from a line longer than a piece', () => {
    fs.writeFileSync(source.file, `${line(1)}${line(2, 'x'.repeat(700_000))}`);
    const snapshot = takeSnapshot(source);
    assert.equal(readLast(snapshot, EVERYTHING, 1)[0]?.at, 1_002);
    assert.equal(readLast(snapshot, EVERYTHING, 5).length, 2);
    closeSnapshot(snapshot);
  });

  it('is read with rotated files, compressed ones too, and without what a person put beside them', () => {
    const rotated: [string, string | Buffer][] = [
      ['broca.log.2.gz', gzipSync(line(1))],
      ['broca.log.1', line(2)],
      ['broca-20261123T215700123Z.log', line(3)],
      ['broca-notes.log', 'mine\n'],
      ['broca.log.old', 'mine\n'],
    ];
    for (const [index, [name, content]] of rotated.entries()) {
      fs.writeFileSync(beside(name), content);
      fs.utimesSync(beside(name), index + 1, index + 1);
    }
    fs.writeFileSync(source.file, line(4));
    assert.deepEqual(
      all(),
      [1, 2, 3, 4].map((number) => line(number)),
    );
  });

  it('is neither lost nor doubled by a rotation while it is read', () => {
    fs.writeFileSync(source.file, line(1));
    const snapshot = takeSnapshot(source);
    fs.renameSync(source.file, beside('broca-20261123T215700123Z.log'));
    fs.writeFileSync(source.file, line(2));
    assert.deepEqual(texts(readAll(snapshot, EVERYTHING)), [line(1)]);
    closeSnapshot(snapshot);
  });

  it('of several is merged by time, in the order of each', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.nat({ max: 50 }), { maxLength: 20 }), { maxLength: 4 }), (logs) => {
        const sorted = logs.map((times) => times.toSorted((a, b) => a - b));
        const generators = sorted.map(function* (times, from): Generator<LogLine> {
          for (const at of times) yield { from: String(from), at, level: null, raw: '', fields: null };
        });
        const merged = [...mergeByTime(generators)];
        assert.deepEqual(
          merged.map(({ at }) => at),
          sorted.flat().toSorted((a, b) => a - b),
        );
      }),
    );
  });
});

describe('what is followed', () => {
  it('is every line once, over several rotations between two looks and a file cut short', async () => {
    fs.writeFileSync(source.file, `${line(0)}${line(1).slice(0, 20)}`);
    using follower = createFollower(() => [source]);
    assert.deepEqual(
      follower.snapshots.flatMap((snapshot) => texts(readAll(snapshot, EVERYTHING))),
      [line(0)],
    );
    const seen: string[] = [];
    const stop = new AbortController();
    const steps = [
      (): void => {
        fs.appendFileSync(source.file, line(1).slice(20));
        for (const number of [2, 3, 4]) {
          fs.renameSync(source.file, beside(`broca-20261123T21570012${number}Z.log`));
          fs.utimesSync(beside(`broca-20261123T21570012${number}Z.log`), number, number);
          fs.writeFileSync(source.file, line(number));
        }
      },
      (): void => {
        fs.truncateSync(source.file, 0);
        fs.appendFileSync(source.file, 'x\n');
      },
      (): void => stop.abort(),
    ];
    steps.shift()?.();
    await follower.follow(
      EVERYTHING,
      (lines) => {
        seen.push(...texts(lines));
        if (seen.length === 4 || seen.length === 5) steps.shift()?.();
      },
      stop.signal,
    );
    assert.deepEqual(seen, [line(1), line(2), line(3), line(4), 'x\n']);
  });
});

it('a time is read as a person of that zone writes it, around changes of the clocks too', () => {
  const now = Date.UTC(2026, 10, 23, 12);
  const rows: [text: string, zone: string | null, at: number | null][] = [
    ['2h', null, now - 7_200_000],
    ['7 d', 'Asia/Tokyo', now - 7 * 86_400_000],
    ['2026-11-23', 'Asia/Tokyo', Date.UTC(2026, 10, 22, 15)],
    ['2026-11-23T10:30', 'America/New_York', Date.UTC(2026, 10, 23, 15, 30)],
    ['2026-07-01 10:30:15', 'Europe/Berlin', Date.UTC(2026, 6, 1, 8, 30, 15)],
    ['2026-10-25T04:00', 'Europe/Berlin', Date.UTC(2026, 9, 25, 3)],
    ['2026-03-29T00:30', 'Europe/Berlin', Date.UTC(2026, 2, 28, 23, 30)],
    ['2026-11-23T10:30Z', 'Asia/Tokyo', Date.UTC(2026, 10, 23, 10, 30)],
    ['2026-11-23T10:30:00+02:00', 'Asia/Tokyo', Date.UTC(2026, 10, 23, 8, 30)],
    ['soon', null, null],
    ['2026-02-31x', null, null],
  ];
  for (const [text, zone, at] of rows) assert.equal(readInstant(text, now, zone), at, text);
});
