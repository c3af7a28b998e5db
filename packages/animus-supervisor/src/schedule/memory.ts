/** What is known of scheduled backups over restarts of the supervisor: `run/backup.json`. */
import fs from 'node:fs';
import * as v from 'valibot';
import type { ProcessIdentity } from '../worker/proc.ts';

/** Times in ms of the epoch. */
export type Memory = {
  /** The schedule and zone in force, and since when. */
  schedule: string;
  timezone: string | null;
  since: number;
  /** When the last good one began. */
  lastGoodAt: number | null;
  /** Why the last one failed; null when it did not. */
  failure: { at: number; reason: string } | null;
  /** The one that runs. */
  running: ProcessIdentity | null;
};

const identity = v.object({
  pid: v.number(),
  startTicks: v.nullable(v.number()),
  bootId: v.nullable(v.string()),
  pidNamespace: v.nullable(v.string()),
});
const memory: v.GenericSchema<unknown, Memory> = v.object({
  schedule: v.string(),
  timezone: v.nullable(v.string()),
  since: v.number(),
  lastGoodAt: v.nullable(v.number()),
  failure: v.nullable(v.object({ at: v.number(), reason: v.string() })),
  running: v.nullable(identity),
});

/** Null when there is none that can be read: the schedule then begins anew. */
export function readMemory(file: string): Memory | null {
  try {
    const parsed = v.safeParse(memory, JSON.parse(fs.readFileSync(file, 'utf8')));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}

export function writeMemory(file: string, value: Memory): void {
  const temporary = `${file}.new`;
  fs.writeFileSync(temporary, `${JSON.stringify(value)}\n`, { mode: 0o600 });
  fs.renameSync(temporary, file);
}
