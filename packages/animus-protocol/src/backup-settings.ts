/** `backup` in animus.config.json: when the supervisor backs the fleet up by itself, and where backups go. */
import * as v from 'valibot';
import { wholeNumber } from './settings.ts';

export type BackupSettings = {
  /** Five fields of cron in the fleet's zone, or `@daily` and the like; null: never by itself. */
  schedule: string | null;
  /** `age:<recipient>` or `gpg:<recipient>`; null: not encrypted, and without secrets. */
  encrypt: string | null;
  /** A folder, seen from the home; null: the home's own `backups/`. */
  to: string | null;
  /** So many of each agent's are kept after a scheduled one. */
  keep: number;
};

export type BackupFile = { schedule?: string | null; encrypt?: string | null; to?: string | null; keep?: number };

export const DEFAULT_BACKUP: BackupSettings = { schedule: null, encrypt: null, to: null, keep: 7 };

/** What cron expressions look like; what they mean, and whether it ever comes, the supervisor finds out. */
const CRON = /^(@(hourly|daily|weekly|monthly|yearly|annually)|\S+(\s+\S+){4})$/;
const WRITE_CRON = 'write a cron expression, as in "0 3 * * *" (every night at three), or null';
const WRITE_HOW = 'write "age:<recipient>" or "gpg:<recipient>", or null';
const WRITE_FOLDER = 'write a folder in quotes, or null';

const entries = {
  schedule: v.exactOptional(
    v.pipe(
      v.nullable(v.pipe(v.string(WRITE_CRON), v.regex(CRON, WRITE_CRON))),
      v.description('When the supervisor backs every agent up: minute, hour, day, month, weekday, in `timezone`. null: never by itself.'),
    ),
  ),
  encrypt: v.exactOptional(
    v.pipe(
      v.nullable(v.pipe(v.string(WRITE_HOW), v.regex(/^(age|gpg):[^\s-]\S*$/, WRITE_HOW))),
      v.description('`age:<recipient>` or `gpg:<recipient>`; only an encrypted backup holds `.env`. null: not encrypted.'),
    ),
  ),
  to: v.exactOptional(
    v.pipe(
      v.nullable(v.pipe(v.string(WRITE_FOLDER), v.nonEmpty(WRITE_FOLDER))),
      v.description("Folder for backups, seen from the home. null: the home's `backups/`."),
    ),
  ),
  keep: v.exactOptional(
    wholeNumber({ lowest: 1, highest: 10_000, unit: 'backups' }, 'How many of each agent a scheduled backup leaves. Default: 7.'),
  ),
};

export const backupSchema: v.GenericSchema<unknown, BackupFile> = v.object(entries, 'write an object: { … }');
export const BACKUP_KEYS: readonly string[] = Object.keys(entries);

export function readBackupSettings({ schedule, encrypt, to, keep }: BackupFile): BackupSettings {
  return {
    schedule: schedule ?? DEFAULT_BACKUP.schedule,
    encrypt: encrypt ?? DEFAULT_BACKUP.encrypt,
    to: to ?? DEFAULT_BACKUP.to,
    keep: keep ?? DEFAULT_BACKUP.keep,
  };
}
