/**
 * The first steps of a Broca: configuration read, folder locked, database open (that of a Python Broca is
 * taken over first), log open. Each can end the start.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  type BrocaConfig,
  EXIT,
  type ExitCode,
  failed,
  formatProblem,
  isUnknownKey,
  ok,
  type Problem,
  type Result,
  readBrocaConfig,
} from 'animus-protocol';
import { createLog, type Log } from '../log/log.ts';
import { openSound, type SoundStore } from '../store/damage/open-sound.ts';
import { type FolderLock, takeLock } from '../store/lock.ts';
import { describeOpenFault, type Store } from '../store/open.ts';
import type { TakenOver, TakeOverFault } from '../store/takeover/take-over.ts';
import { type BrocaIdentity, helloOf } from './hello.ts';
import { Probation } from './probation.ts';

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
};

/** Why Broca cannot start: what to print, and the exit code that says whether trying again may help. */
export type StartFault = { code: ExitCode; lines: string[] };

export async function openFolder(folder: string, identity: BrocaIdentity): Promise<Result<OpenFolder, StartFault>> {
  const read = readBrocaConfig(folder);
  const { problems } = read;
  if (read.config === null) {
    // The errors, which are the reason that everybody is shown; and mistyped keys, which may be why one is missing.
    const told = [...problems.filter(({ severity }) => severity === 'error'), ...problems.filter(isUnknownKey)];
    return failed({ code: EXIT.configuration, lines: told.map(formatProblem) });
  }
  const lock = takeLock(join(folder, 'run', 'lock'), LOCK_WAIT_MS);
  if (lock === null) {
    return failed({ code: EXIT.failed, lines: [`another Broca runs in ${folder}: stop it first (animus stop ${read.config.agentId})`] });
  }
  const opened = await openDatabase(folder, read.config, identity);
  if (!opened.ok) {
    lock.release();
    return opened;
  }
  const { takenOver, replaced, store } = opened.value;
  // That may have taken minutes.
  const again = takenOver === null ? read : readBrocaConfig(folder);
  const config = again.config ?? read.config;
  const { logLevel, secrets, logKeepDays, logKeepBytes } = config;
  const log = createLog({ folder, level: logLevel, secrets, keep: { days: logKeepDays, bytes: logKeepBytes } });
  if (takenOver !== null) log.info('taken-over', takenOver);
  if (replaced !== null) log.error('database-set-aside', replaced);
  return ok({ folder, config, problems: again.problems, log, lock, store });
}

async function openDatabase(
  folder: string,
  config: BrocaConfig,
  identity: BrocaIdentity,
): Promise<Result<SoundStore & { takenOver: TakenOver | null }, StartFault>> {
  const database = join(folder, 'animus.db');
  const now = identity.startedAt;
  // A Python Broca's database has the same name, or another where there is none of this one.
  const first = existsSync(database) ? await openSound(folder, database, now) : null;
  if (first?.ok) return ok({ ...first.value, takenOver: null });
  let takenOver: TakenOver | null = null;
  if (first === null || first.error.kind === 'foreign') {
    const taken = await takeOverVisibly(folder, config, identity);
    if (!taken.ok) {
      return failed({ code: taken.error.isLasting ? EXIT.configuration : EXIT.failed, lines: [taken.error.reason] });
    }
    takenOver = taken.value;
  }
  const opened = await openSound(folder, database, now);
  if (opened.ok) return ok({ ...opened.value, takenOver });
  const { kind } = opened.error;
  // These may pass by themselves, or by a hand that touches no file a supervisor looks at.
  const code = kind === 'unusable' || kind === 'read-only' ? EXIT.failed : EXIT.configuration;
  return failed({ code, lines: [describeOpenFault(database, opened.error)] });
}

async function takeOverVisibly(
  folder: string,
  { agentId, mode, environment }: BrocaConfig,
  identity: BrocaIdentity,
): Promise<Result<TakenOver | null, TakeOverFault>> {
  const { takeOver } = await import('../store/takeover/take-over.ts');
  const { withSignsOfLife } = await import('./signs-of-life.ts');
  const hello = helloOf(identity, agentId, new Probation(folder, identity.release));
  return await withSignsOfLife({ folder, mode, hello }, (tell) =>
    takeOver({ folder, now: identity.startedAt, named: environment['DB_PATH'] ?? null, progress: tell }),
  );
}
