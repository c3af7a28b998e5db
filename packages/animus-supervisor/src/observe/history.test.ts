import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { BoundedFile } from './bounded-file.ts';
import { History } from './history.ts';

let folder: string;
before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'history-'));
});
after(() => rmSync(folder, { recursive: true }));

test('events are numbered without a gap over restarts, also when the last line was torn', () => {
  const file = path.join(folder, 'torn.log');
  const first = new History(file);
  assert.deepEqual(
    [first.add({ kind: 'agent-removed', agent: 'agent-a' }, 5).id, first.add({ kind: 'watch-failed', reason: 'x' }, 6).id],
    [1, 2],
  );
  first.close();
  truncateSync(file, statSync(file).size - 10);
  const second = new History(file);
  const third = second.add({ kind: 'asked', agent: null, what: 'down' }, 7);
  assert.deepEqual(third, { id: 3, at: 7, kind: 'asked', level: 'info', agent: null, message: 'asked to down', details: { what: 'down' } });
  assert.deepEqual(
    second.after(0).map(({ id }) => id),
    [1, 3],
  );
  assert.deepEqual(second.after(1), [third]);
  second.close();
});

test('two files are all that is kept, and numbers go on', () => {
  const file = path.join(folder, 'bounded.log');
  const history = new History(file, 2_000);
  for (let count = 0; count < 100; count += 1) history.add({ kind: 'agent-removed', agent: 'agent-a' }, count);
  assert.deepEqual(
    readdirSync(folder)
      .filter((name) => name.startsWith('bounded'))
      .sort(),
    ['bounded.log', 'bounded.log.1'],
  );
  assert.ok(statSync(file).size <= 2_000 && statSync(`${file}.1`).size <= 2_000);
  const kept = history.after(0).map(({ id }) => id);
  assert.ok(kept.length > 10);
  assert.deepEqual(
    kept,
    Array.from({ length: kept.length }, (_, index) => 101 - kept.length + index),
  );
  history.close();
  const next = new History(file, 2_000);
  assert.equal(next.add({ kind: 'agent-removed', agent: 'agent-a' }, 1).id, 101);
  next.close();
});

test('a disk that takes nothing ends nobody', () => {
  const full = new BoundedFile('/dev/full', 1_000);
  assert.equal(full.append('a line\n'), false);
  assert.equal(full.append('another\n'), false);
  full.close();
  const nowhere = new BoundedFile(path.join(folder, 'none/at/all.log'), 1_000);
  assert.equal(nowhere.append('a line\n'), false);
  appendFileSync(path.join(folder, 'later.log'), 'half');
  const later = new BoundedFile(path.join(folder, 'later.log'), 1_000);
  assert.equal(later.append('whole\n'), true);
  later.close();
  assert.equal(statSync(path.join(folder, 'later.log')).size, 'half\nwhole\n'.length);
});
