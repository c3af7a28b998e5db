/** The programs that contenders run, and what is done to them. */
import fs from 'node:fs';
import path from 'node:path';
import { until } from '../fleet.ts';
import { nextStamp, stamps as readStamps } from '../process-figures.ts';

const BENCH = path.dirname(import.meta.dirname);
export const STAMP: string = path.join(BENCH, 'stamp.mjs');
export const PRINTER: string = path.join(BENCH, 'printer.mjs');
/** Nothing was added for so long: all that a supervisor will keep is there. */
const QUIET_MS = 1_500;

/** Kills programs one after the other, `before` called ahead of each: how long each took to its next first instruction, in ms. */
export async function killEach(programs: readonly { pid: number; stamps: string }[], before: () => Promise<void>): Promise<number[]> {
  const took: number[] = [];
  for (const { pid, stamps } of programs) {
    await before();
    const known = readStamps(stamps).length;
    const since = process.hrtime.bigint();
    process.kill(pid, 'SIGKILL');
    took.push(await nextStamp(stamps, known, since));
  }
  return took;
}

export async function untilQuiet(files: readonly string[]): Promise<void> {
  let size = -1;
  let since = performance.now();
  await until(() => {
    const now = files.reduce((sum, file) => sum + (fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0);
    if (now !== size) since = performance.now();
    size = now;
    return performance.now() - since > QUIET_MS ? true : undefined;
  });
}

/** How many of the lines that printer.mjs prints are missing, and how many characters are broken. */
export function judge(files: readonly string[], lines: number): { lost: number; broken: number } {
  const text = files.map((file) => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '')).join('');
  const whole = new Set([...text.matchAll(/^line (\d+) – größer als 😀 und € x{20}$/gm)].map(([, number]) => number));
  return { lost: lines - whole.size, broken: text.split('\uFFFD').length - 1 };
}
