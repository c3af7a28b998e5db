/** The copy of a database that a backup takes, while another process commits every 2 ms, against the same copy at rest. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { copyDatabase } from '../../packages/animus-supervisor/src/home/database.ts';
import { makeBacklog } from './backlog.ts';
import { type Figure, median, ratioAtMost } from './figure.ts';

const ROWS = 200_000;
/** In turns, so that a machine that grows busy meanwhile slows both alike. */
const PAIRS = 3;

export async function backup(): Promise<Figure[]> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'animus-bench-'));
  try {
    const file = path.join(folder, 'animus.db');
    makeBacklog(file, ROWS);
    const atRest: number[] = [];
    const underWriter: number[] = [];
    for (let pair = 0; pair < PAIRS; pair += 1) {
      atRest.push(timeCopy(file, folder));
      underWriter.push(await withWriter(file, () => timeCopy(file, folder)));
    }
    const name = `backup's copy of ${ROWS} rows under a writer every 2 ms (floor: at rest)`;
    return [ratioAtMost({ name, value: median(underWriter), unit: 'ms', floor: median(atRest) }, 1.5)];
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function withWriter(file: string, measure: () => number): Promise<number> {
  const writer = spawn(process.execPath, [path.join(import.meta.dirname, 'writer.mjs'), file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(writer, 'close');
  try {
    await once(writer.stdout, 'data');
    return measure();
  } finally {
    writer.kill();
    await closed;
  }
}

/** Milliseconds. */
function timeCopy(file: string, folder: string): number {
  const to = path.join(folder, 'copy.db');
  const startedAt = performance.now();
  copyDatabase(file, to);
  const ms = performance.now() - startedAt;
  fs.rmSync(to);
  return ms;
}
