/** One supervisor, from lock to last word: main.ts gives it the process's facts and ends when it says so. */
import path from 'node:path';
import { failed, ok, type Result } from 'animus-protocol';
import { Dispatch } from './control/dispatch.ts';
import { Live } from './control/live.ts';
import { openControlSocket } from './control/socket.ts';
import { Fleet } from './fleet/fleet.ts';
import { FleetConfigFile } from './fleet/fleet-config.ts';
import { launchFromRelease } from './fleet/launch.ts';
import { takeHomeLock } from './fleet/lock.ts';
import { homePaths } from './home/paths.ts';
import { Launcher } from './isolation/launcher.ts';
import { probeMachine } from './isolation/probe.ts';
import type { FleetEvent } from './observe/event.ts';
import { History } from './observe/history.ts';
import { openEventLog } from './observe/logger.ts';
import { BackupSchedule } from './schedule/backup-schedule.ts';
import { backupStarter } from './schedule/start-backup.ts';
import { systemClock } from './worker/clock.ts';

export type SupervisorFacts = {
  home: string;
  /** Folder of the installation, where the shim is. */
  root: string;
  /** Node and `animus`, as scheduled backups are started. */
  command: readonly [string, ...string[]];
  version: string;
  pid: number;
  environment: Readonly<Record<string, string | undefined>>;
};

export type Supervisor = {
  /** Resolves when it has ended: it was asked to go `down`, or to `leave`. */
  ended: Promise<void>;
  /** Ends every Broca, then itself. */
  down(reason: string): void;
  /** Ends itself; the Brocas go on and are taken over by the next. */
  leave(reason: string): void;
  /** Writes down a fault of our own before the process dies of it. */
  fail(reason: string): void;
};

/** The error is why this home cannot have a supervisor now. The home and its `run/` and `logs/` are there. */
export async function startSupervisor({
  home,
  root,
  command,
  version,
  pid,
  environment,
}: SupervisorFacts): Promise<Result<Supervisor, string>> {
  const paths = homePaths(home);
  const lock = takeHomeLock(paths.lock);
  if (lock === null) return failed(`another supervisor runs for ${home}: use it, or end it with \`animus down\``);
  const log = openEventLog(paths.supervisorLog);
  const history = new History(paths.eventsLog);
  const live = new Live((after) => history.after(after));
  const publish = (event: FleetEvent): void => {
    log.write(event);
    live.tell(history.add(event, Date.now()));
  };
  publish({ kind: 'supervisor-started', pid, version, home });
  const schedule = new BackupSchedule({
    file: paths.backupMemory,
    clock: systemClock,
    wallNow: Date.now,
    start: backupStarter({ home, command, environment }),
    publish,
  });
  const config = new FleetConfigFile(paths.config, publish, (read) => {
    log.setLevel(read.logs.level);
    schedule.apply(read);
  });
  const shim = path.join(root, 'packages/animus-supervisor/shim/broca-shim.sh');
  const fleet = new Fleet({
    home,
    version,
    shim,
    launcher: new Launcher({ home, find: launchFromRelease(home), probe: async () => await probeMachine(environment, home), environment }),
    config,
    clock: systemClock,
    random: Math.random,
    environment,
    publish,
    backup: () => schedule.report(),
  });
  const ending = Promise.withResolvers<void>();
  let isEnding = false;
  const end = async (reason: string, leavesBrocas: boolean): Promise<void> => {
    if (isEnding) return;
    isEnding = true;
    publish({ kind: 'supervisor-stopping', reason, leavesBrocas });
    await schedule.close();
    if (!leavesBrocas) await fleet.down();
    await fleet.close();
    await control.close();
    lock.release();
    ending.resolve();
  };
  const control = await openControlSocket({
    path: paths.socket,
    dispatch: new Dispatch(fleet, publish, version),
    live,
    answered: (kind) => kind === 'down' && void end('asked to go down', false),
    failed: (reason) => publish({ kind: 'supervisor-failed', reason }),
  });
  await fleet.open();
  if (!isEnding) schedule.open();
  return ok({
    ended: ending.promise,
    down: (reason) => void end(reason, false),
    leave: (reason) => void end(reason, true),
    fail: (reason) => publish({ kind: 'supervisor-failed', reason }),
  });
}
