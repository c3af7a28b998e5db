/** How scheduled backups go, as the supervisor reports it. */
import * as v from 'valibot';

/** Times in ms of the epoch. */
export type BackupReport = {
  /** Null where the schedule cannot be used. */
  nextAt: number | null;
  /** When the last good scheduled one began. */
  lastGoodAt: number | null;
  isRunning: boolean;
  /** Why there is no newer one; null while all is well. */
  failure: string | null;
};

export const backupReport: v.GenericSchema<unknown, BackupReport> = v.object({
  nextAt: v.nullable(v.number()),
  lastGoodAt: v.nullable(v.number()),
  isRunning: v.boolean(),
  failure: v.nullable(v.string()),
});
