/**
 * One agent, run as a supervisor would while none runs: a command that must start and stop a Broca holds the home
 * meanwhile, and lets go of what runs when it is done.
 */
import path from 'node:path';
import { type AgentId, failed, ok, type Result, type Wanted } from 'animus-protocol';
import { homePaths } from '../home/paths.ts';
import { Launcher } from '../isolation/launcher.ts';
import { probeMachine } from '../isolation/probe.ts';
import { History } from '../observe/history.ts';
import { openEventLog } from '../observe/logger.ts';
import { systemClock } from '../worker/clock.ts';
import { Fleet } from './fleet.ts';
import { FleetConfigFile } from './fleet-config.ts';
import { launchFromRelease } from './launch.ts';
import { takeHomeLock } from './lock.ts';

export type OneAgent = {
  home: string;
  /** Folder of the installation, where the shim is. */
  root: string;
  version: string;
  environment: Readonly<Record<string, string | undefined>>;
  agent: AgentId;
  /** What it does now; left so unless `use` changes it. */
  wanted: Wanted;
};

export async function withOneAgent<T>(one: OneAgent, use: (fleet: Fleet) => Promise<T>): Promise<Result<T, string>> {
  const { home, root, version, environment, agent, wanted } = one;
  const paths = homePaths(home);
  const lock = takeHomeLock(paths.lock);
  if (lock === null) return failed('a supervisor starts or ends just now, or does not answer: try again, or look at logs/supervisor.log');
  const log = openEventLog(paths.supervisorLog);
  const history = new History(paths.eventsLog);
  const fleet = new Fleet({
    home,
    version,
    shim: path.join(root, 'packages/animus-supervisor/shim/broca-shim.sh'),
    launcher: new Launcher({ home, find: launchFromRelease(home), probe: async () => await probeMachine(environment, home), environment }),
    config: new FleetConfigFile(
      paths.config,
      () => undefined,
      ({ logs }) => log.setLevel(logs.level),
    ),
    clock: systemClock,
    random: Math.random,
    environment,
    publish: (event) => {
      log.write(event);
      history.add(event, Date.now());
    },
    only: { agent, wanted },
  });
  try {
    await fleet.open();
    return ok(await use(fleet));
  } finally {
    await fleet.close();
    history.close();
    lock.release();
  }
}
