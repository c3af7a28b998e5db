/** The first steps of a Broca: configuration read, folder locked, log and database open. Each can end the start. */
import { join } from 'node:path';
import { type BrocaConfig, EXIT, type ExitCode, failed, formatProblem, ok, type Problem, type Result } from 'animus-protocol';
import { readBrocaConfig } from '../config/load.ts';
import { createLog, type Log } from '../log/log.ts';
import { type FolderLock, takeLock } from '../store/lock.ts';
import { describeOpenFault, openStore, type Store } from '../store/open.ts';

/** A Broca that is ending, or a command that works on the database, frees the lock within this time. */
const LOCK_WAIT_MS = 2_000;

export type OpenFolder = {
  folder: string;
  config: BrocaConfig;
  /** Warnings; an error would have ended the start. */
  problems: Problem[];
  log: Log;
  lock: FolderLock;
  store: Store;
  setAside: string | null;
};

/** Why Broca cannot start: what to print, and the exit code that says whether trying again may help. */
export type StartFault = { code: ExitCode; lines: string[] };

export function openFolder(folder: string, now: number): Result<OpenFolder, StartFault> {
  const { config, problems } = readBrocaConfig(folder);
  if (config === null) return failed({ code: EXIT.configuration, lines: problems.map(formatProblem) });
  const lock = takeLock(join(folder, 'run', 'lock'), LOCK_WAIT_MS);
  if (lock === null) {
    return failed({ code: EXIT.failed, lines: [`another Broca runs in ${folder}: stop it first (animus stop ${config.agentId})`] });
  }
  const database = join(folder, 'animus.db');
  const opened = openStore(database, now);
  if (!opened.ok) {
    lock.release();
    const code = opened.error.kind === 'unusable' ? EXIT.failed : EXIT.configuration;
    return failed({ code, lines: [describeOpenFault(database, opened.error)] });
  }
  const { logLevel, secrets, logKeepDays } = config;
  const log = createLog({ folder, level: logLevel, secrets, keepDays: logKeepDays });
  return ok({ folder, config, problems, log, lock, ...opened.value });
}
