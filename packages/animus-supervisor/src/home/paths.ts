/** Every path of a home, in one place. Who needs a file of a home asks here, so that no second spelling exists. */
import path from 'node:path';
import type { AgentId } from 'animus-protocol';

export type HomePaths = {
  home: string;
  /** The fleet's configuration. */
  config: string;
  /** One folder per version of the shared runtime. */
  runtimes: string;
  run: string;
  /** HTTP control of the supervisor. */
  socket: string;
  lock: string;
  /** What is known of scheduled backups. */
  backupMemory: string;
  /** `<id>.json` and `<id>.exit`: who runs as what. */
  runAgents: string;
  /** What root's Brocas see as /etc. */
  etc: string;
  /** What every Broca may read of the home, and its copy of the fleet's configuration. */
  shared: string;
  sharedConfig: string;
  logs: string;
  supervisorLog: string;
  /** What the supervisor did and why, one ControlEvent a line. */
  eventsLog: string;
  backups: string;
  /** What a person edits (`config edit`) until it is saved, a folder per agent. */
  drafts: string;
};

export type AgentPaths = {
  folder: string;
  /** The agent's own git clone. */
  clone: string;
  /** Plugins of this agent alone, beside its clone. */
  plugins: string;
  releases: string;
  /** Link to the release in use. */
  currentRelease: string;
  /** Link to the one before it, for a rollback. */
  formerRelease: string;
  /** The database as it was before the release in use migrated it; only where it did. */
  formerDatabase: string;
  /** The program of the release in use. */
  program: string;
  /** What an update that is under way works on (release/journal.ts). */
  update: string;
  environment: string;
  settings: string;
  database: string;
  logs: string;
  brocaLog: string;
  outputLog: string;
  inbox: string;
  outbox: string;
  run: string;
  socket: string;
  lock: string;
  /** Held by the one command that prepares an update of this agent. */
  updateLock: string;
  /** Held by the one program that switches its release. */
  switchLock: string;
};

export function homePaths(home: string): HomePaths {
  const run = path.join(home, 'run');
  const logs = path.join(home, 'logs');
  const shared = path.join(run, 'shared');
  return {
    home,
    config: path.join(home, 'animus.config.json'),
    runtimes: path.join(home, 'runtime'),
    run,
    socket: path.join(run, 'animus.sock'),
    lock: path.join(run, 'lock'),
    backupMemory: path.join(run, 'backup.json'),
    runAgents: path.join(run, 'agents'),
    etc: path.join(run, 'etc'),
    shared,
    sharedConfig: path.join(shared, 'animus.config.json'),
    logs,
    supervisorLog: path.join(logs, 'supervisor.log'),
    eventsLog: path.join(logs, 'events.log'),
    backups: path.join(home, 'backups'),
    drafts: path.join(run, 'drafts'),
  };
}

export function agentPaths(home: string, id: AgentId): AgentPaths {
  return agentFolderPaths(path.join(home, id));
}

/** The same for a folder that is no agent's yet (a deploy's stage). */
export function agentFolderPaths(folder: string): AgentPaths {
  const releases = path.join(folder, 'releases');
  const currentRelease = path.join(releases, 'current');
  const logs = path.join(folder, 'logs');
  const run = path.join(folder, 'run');
  return {
    folder,
    clone: path.join(folder, 'broca'),
    plugins: path.join(folder, 'plugins'),
    releases,
    currentRelease,
    formerRelease: path.join(releases, 'former'),
    formerDatabase: path.join(releases, 'former.db'),
    update: path.join(folder, '.update'),
    program: path.join(currentRelease, 'broca.mjs'),
    environment: path.join(folder, '.env'),
    settings: path.join(folder, 'settings.json'),
    database: path.join(folder, 'animus.db'),
    logs,
    brocaLog: path.join(logs, 'broca.log'),
    outputLog: path.join(logs, 'output.log'),
    inbox: path.join(folder, 'inbox'),
    outbox: path.join(folder, 'outbox'),
    run,
    socket: path.join(run, 'broca.sock'),
    lock: path.join(run, 'lock'),
    updateLock: path.join(run, 'update-lock'),
    switchLock: path.join(run, 'switch-lock'),
  };
}

/** The home a person means: ANIMUS_HOME, else `animus` in their own folder. */
export function homeFolder(environment: { ANIMUS_HOME?: string | undefined }, userFolder: string): string {
  const named = environment.ANIMUS_HOME;
  return path.resolve(named === undefined || named === '' ? path.join(userFolder, 'animus') : named);
}
