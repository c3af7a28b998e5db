/** Turns how a Broca is started into how it is started shut in: command, environment, and the level that this gives. */
import { lstatSync, mkdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { FLEET_CONFIG_VARIABLE, failed, type Isolation, ok, type Result, type Supervision, type TreeHold } from 'animus-protocol';
import { type AgentPaths, homePaths } from '../home/paths.ts';
import { chooseIsolation, type SandboxProbe } from './choose-policy.ts';
import { allBelow, guardFlags } from './guard-policy.ts';
import { type SandboxRequest, sandboxArguments } from './sandbox-policy.ts';
import { copyEtc } from './system-folders.ts';
import { eachBelow, findUser, giveToUser, letRead, type UserIdentity } from './user.ts';

/** A Broca's program, and what it needs that is not in its agent's folder. */
export type Launch = {
  node: string;
  nodeMajor: number;
  /** For Node and V8. */
  flags: readonly string[];
  /** The program's file and its arguments. */
  program: readonly string[];
  /** Folders and files elsewhere that it reads. */
  readable: readonly string[];
  /** Folder in which the program keeps compiled code, when it lies in the agent's folder and others run from it too. */
  codeCache: string | null;
};

/** What this machine allows. */
export type Abilities = {
  sandbox: SandboxProbe;
  /** Control group in which groups for Brocas may be made; null when none may. */
  cgroups: string | null;
  /** Such a group counts (worker/cgroup.ts): worth having also where it is not needed to find a whole tree. */
  cgroupsCount: boolean;
};

export type Isolated = {
  isolation: Isolation;
  tree: TreeHold;
  /** Where a control group is to be made for it; null when it needs none. */
  cgroups: string | null;
  command: string;
  args: readonly string[];
  /** Of its environment, what depends on where it runs. */
  places: { HOME?: string; TMPDIR?: string; [FLEET_CONFIG_VARIABLE]?: string };
};

export type IsolateRequest = { home: string; agent: AgentPaths; launch: Launch; supervision: Supervision; abilities: Abilities };

/** The error is why the agent must not start. */
export function isolate(request: IsolateRequest): Result<Isolated, string> {
  try {
    return prepare(request);
  } catch (error) {
    // What stands in the agent's folder in the place of a folder of ours.
    return failed(`cannot be isolated: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function prepare({ home, agent, launch, supervision, abilities }: IsolateRequest): Result<Isolated, string> {
  const { sandbox } = abilities;
  const user = supervision.user === null ? null : findUser(supervision.user);
  if (user?.ok === false) return user;
  const chosen = chooseIsolation({ wish: supervision.isolation, hasUser: user !== null, sandbox });
  if (!chosen.ok) return chosen;
  const isolation = chosen.value;
  const { node, flags, program } = launch;
  const { cgroups } = abilities;
  const tree = cgroups === null ? 'marker' : 'cgroup';
  const fleetConfig = { [FLEET_CONFIG_VARIABLE]: homePaths(home).sharedConfig };
  if (isolation === 'none') return ok({ isolation, tree, cgroups, command: node, args: [...flags, ...program], places: fleetConfig });
  const isBoxed = sandbox.works && isolation !== 'permission';
  const temporary = isBoxed ? '/tmp' : path.join(agent.run, 'tmp');
  if (!isBoxed) mkdirSync(temporary, { recursive: true, mode: 0o700 });
  const args = [...flags, ...guard(home, agent, launch, temporary), ...program];
  const places = { HOME: agent.folder, TMPDIR: temporary };
  if (!isBoxed) return ok({ isolation, tree, cgroups, command: node, args, places: { ...places, ...fleetConfig } });
  if (sandbox.system.folders.etc !== null) copyEtc(sandbox.system.folders.etc.copy);
  const box = sandboxArguments({ system: sandbox.system, ...boxOf(home, agent, launch), changesUser: user !== null });
  const isCounted = user !== null || sandbox.countsProcesses;
  const inside = [
    ...(user === null ? [] : becomeUser(user.value, home, agent, launch)),
    ...(isCounted && supervision.processes !== null ? boundProcesses(supervision.processes) : []),
    node,
    ...args,
  ];
  const counting = abilities.cgroupsCount ? cgroups : null;
  return ok({ isolation, tree: 'namespace', cgroups: counting, command: sandbox.program, args: [...box, '--', ...inside], places });
}

/**
 * The kernel counts a user's processes, or those of a sandbox, where that is a user namespace of its own. Shells differ in the
 * option's name; one that may not set the bound has a lower one already.
 */
function boundProcesses(most: number): string[] {
  return ['/bin/sh', '-c', 'ulimit -u "$0" 2>/dev/null || ulimit -p "$0" 2>/dev/null; exec "$@"', String(most)];
}

/** What it must read and write is made so that it can; the words change to that user before Broca begins. */
function becomeUser(user: UserIdentity, home: string, agent: AgentPaths, { readable }: Launch): string[] {
  giveToUser(agent, user);
  for (const each of [homePaths(home).shared, ...readable.filter((file) => file.startsWith(home))]) eachBelow(each, letRead);
  return ['setpriv', '--reuid', String(user.uid), '--regid', String(user.gid), '--clear-groups', '--'];
}

function guard(home: string, agent: AgentPaths, { nodeMajor, readable }: Launch, temporary: string): string[] {
  const writes = [...bothWays(agent.folder), ...(temporary.startsWith(agent.folder) ? [] : [temporary])];
  const reads = readable.flatMap(bothWays).map((each) => (isFolder(each) ? allBelow(each) : each));
  // A release of before there was a shared copy reads the home's own file.
  const { config, sharedConfig } = homePaths(home);
  return guardFlags({ nodeMajor, reads: [...reads, config, sharedConfig], writes: writes.map(allBelow) });
}

function boxOf(home: string, agent: AgentPaths, { readable, codeCache }: Launch): Omit<SandboxRequest, 'system' | 'changesUser'> {
  const { shared, sharedConfig, config } = homePaths(home);
  mkdirSync(shared, { recursive: true, mode: 0o700 });
  const ownCache = path.join(agent.run, 'code-cache');
  // The agent may have put links in their places, while it was not in a sandbox: they would lead out of this one.
  const hasCache = codeCache !== null && [path.dirname(codeCache), agent.run].every(isFolder);
  if (hasCache) for (const each of [codeCache, ownCache]) mkdirSync(each, { recursive: true, mode: 0o700 });
  return {
    home,
    shared,
    fleetConfig: { path: config, inShared: sharedConfig },
    folder: agent.folder,
    // A link is left as it is: what it leads to is not in the sandbox.
    readOnly: [agent.clone, agent.plugins, agent.releases].filter(isFolder),
    codeCache: hasCache && isFolder(ownCache) ? { folder: ownCache, place: codeCache } : null,
    readable,
  };
}

/** As it is named, and as it is once links on the way to it are followed: Node asks for either. */
function bothWays(file: string): string[] {
  const real = realpathSync(file);
  return real === file ? [file] : [file, real];
}

function isFolder(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false })?.isDirectory() === true;
}
