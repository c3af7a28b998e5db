/** Highest turn in the name of a file in the spool's outbox (`<turn>-<part>.json`), hidden ones included. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

export function newestSpooled(folder: string): number {
  let newest = 0;
  for (const name of list(join(folder, 'outbox'))) {
    const turn = /^\.?(\d{1,15})-\d+\.json(\.tmp)?$/.exec(name)?.[1];
    if (turn !== undefined) newest = Math.max(newest, Number(turn));
  }
  return newest;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
