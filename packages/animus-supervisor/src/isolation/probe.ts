/**
 * Tries whether a sandbox can be made here: some systems lack bubblewrap, some forbid what it needs (Ubuntu's AppArmor,
 * containers), and none says so beforehand. Asked once in a supervisor's life.
 */

import { readlinkSync } from 'node:fs';
import os from 'node:os';
import { homePaths } from '../home/paths.ts';
import { counts, endCgroup, makeCgroup, membersFile, ownCgroup } from '../worker/cgroup.ts';
import { runBriefly } from '../worker/process.ts';
import type { SandboxProbe } from './choose-policy.ts';
import type { Abilities } from './isolate.ts';
import { type System, systemArguments } from './sandbox-policy.ts';
import { findSystemFolders } from './system-folders.ts';

/** Names the program to use, or `off`: none, as where there is none. */
const PROGRAM_VARIABLE = 'ANIMUS_BWRAP';
/** `off`: as where no control group may be made. */
const CGROUP_VARIABLE = 'ANIMUS_CGROUP';
/** A machine that is just starting many Brocas is slow; one that does not answer at all gives no sandbox. */
const PATIENCE_MS = 10_000;

type Environment = Readonly<Record<string, string | undefined>>;

/** `environment` is the supervisor's own. */
export async function probeMachine(environment: Environment, home: string): Promise<Abilities> {
  const etc = process.getuid?.() === 0 ? homePaths(home).etc : null;
  const [sandbox, cgroups] = await Promise.all([probeSandbox(environment, process.platform, etc), probeCgroups(environment)]);
  return { sandbox, ...cgroups };
}

/** `etc`: where root's copy of /etc is kept; null leaves /etc as it is. */
export async function probeSandbox(environment: Environment, platform: string, etc: string | null): Promise<SandboxProbe> {
  const program = environment[PROGRAM_VARIABLE] || 'bwrap';
  if (platform !== 'linux') return none('bubblewrap is for Linux alone');
  if (program === 'off') return none(`${PROGRAM_VARIABLE}=off switches it off`);
  const run = async (args: readonly string[]): ReturnType<typeof runBriefly> =>
    await runBriefly(program, args, { PATH: environment['PATH'] ?? '/usr/bin:/bin' }, PATIENCE_MS);
  const asked = await run(['--version']);
  if (!asked.ok) return none(`bubblewrap is not usable (${asked.error}); install it, for example with: apt install bubblewrap`);
  const version = /[0-9]+(\.[0-9]+)+/.exec(asked.value)?.[0] ?? 'unknown';
  const system: System = { folders: findSystemFolders(etc), boundsTemporary: isAtLeast(version, [0, 7]) };
  // What must be true of a Broca's world: few processes are in it, and what is not named is not there.
  const look = ['/bin/sh', '-c', 'test -r /usr && test ! -e /root && test ! -e /home && echo "$$ $(readlink /proc/self/ns/user)"'];
  const tried = await run([...systemArguments(system), '--remount-ro', '/', '--', ...look]);
  if (!tried.ok) return none(`bubblewrap ${version} is not allowed to make a sandbox here (${tried.error})`);
  const [pid, namespace] = tried.value.split(' ');
  if (Number(pid) > 10) return none(`bubblewrap ${version} makes no pid namespace here`);
  return { works: true, program, version, system, countsProcesses: countsProcesses(namespace) };
}

/** `namespace`: the sandbox's user namespace. The kernel counts by it since 5.14, and bounds root nowhere. */
function countsProcesses(namespace: string | undefined): boolean {
  const release = /^\d+\.\d+/.exec(os.release())?.[0] ?? '0.0';
  return process.getuid?.() !== 0 && isAtLeast(release, [5, 14]) && namespace !== readlinkSync('/proc/self/ns/user');
}

/** Whether a group can be made, and a process put into it. */
async function probeCgroups(environment: Environment): Promise<Pick<Abilities, 'cgroups' | 'cgroupsCount'>> {
  const own = environment[CGROUP_VARIABLE] === 'off' ? null : ownCgroup();
  const tried = own === null ? null : makeCgroup(own, `animus-try-${process.pid}`);
  if (tried === null) return { cgroups: null, cgroupsCount: false };
  const isCounting = counts(tried);
  const moved = await runBriefly('/bin/sh', ['-c', 'echo 0 >"$0"', membersFile(tried)], {}, PATIENCE_MS);
  await endCgroup(tried);
  return { cgroups: moved.ok ? own : null, cgroupsCount: moved.ok && isCounting };
}

function none(reason: string): SandboxProbe {
  return { works: false, reason };
}

function isAtLeast(version: string, [major, minor]: [number, number]): boolean {
  const [first = 0, second = 0] = version.split('.').map(Number);
  return first > major || (first === major && second >= minor);
}
