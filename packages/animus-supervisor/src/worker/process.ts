/**
 * Starts and signals Brocas; the only file of the supervisor that does. Each runs behind the shim, in a
 * session and process group of its own, with its output appended to a file: the supervisor holds no
 * pipe to it, so that the death of either costs the other nothing.
 *
 * Node's own spawn and not execa's: nothing of what execa adds is used here, and loading it costs a process that
 * runs for months 3 MB of resident memory (measured, bundled). git and the build, which run rarely, have it.
 */
import { execFile, spawn } from 'node:child_process';
import { closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { failed, ok, type Result } from 'animus-protocol';
import { membersFile } from './cgroup.ts';
import type { Exit } from './death.ts';

export type SpawnRequest = {
  /** Path of shim/broca-shim.sh. */
  shim: string;
  command: string;
  args: readonly string[];
  folder: string;
  outputLog: string;
  /** Where the shim writes the exit status. */
  statusFile: string;
  nonce: string;
  /** Its control group, made already. */
  cgroup: string | null;
  environment: Record<string, string>;
};

export type SpawnedShim = {
  /** The shim: leader of the group that it and Broca form. */
  pid: number;
  exited: Promise<Exit>;
  /** Length of output.log before it printed anything. */
  outputFrom: number;
};

const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;

/** Raw output beyond this is set aside when the Broca is started the next time. */
const LONGEST_OUTPUT_LOG = 5 * 1024 * 1024;

export function spawnBroca(request: SpawnRequest): Result<SpawnedShim, string> {
  let output: number;
  try {
    output = openOutputLog(request.outputLog);
    rmSync(request.statusFile, { force: true });
  } catch (error) {
    return failed(`cannot be started: ${error instanceof Error ? error.message : String(error)}`);
  }
  try {
    const { command, args } = request;
    const outputFrom = fstatSync(output).size;
    const cgroup = request.cgroup === null ? '' : membersFile(request.cgroup);
    const child = spawn('/bin/sh', [request.shim, request.statusFile, request.nonce, cgroup, command, ...args], {
      cwd: request.folder,
      env: request.environment,
      detached: true,
      stdio: ['ignore', output, output],
    });
    // A spawn that failed has no pid, which is told below.
    child.once('error', () => undefined);
    if (child.pid === undefined) return failed(`cannot be started: /bin/sh or the folder ${request.folder} is not usable`);
    const exited = new Promise<Exit>((resolve) => {
      child.once('exit', (code, signal) => resolve(signal === null ? exitOfCode(code ?? 0) : { kind: 'signalled', signal }));
    });
    child.unref();
    return ok({ pid: child.pid, exited, outputFrom });
  } finally {
    closeSync(output);
  }
}

/** Runs a command to its end and gives what it printed; the error is what it complained of. */
export async function runBriefly(
  command: string,
  args: readonly string[],
  environment: Record<string, string>,
  patienceMs: number,
): Promise<Result<string, string>> {
  return await new Promise((resolve) => {
    const child = execFile(command, args, { env: environment, encoding: 'utf8', timeout: patienceMs }, (error, stdout, stderr) => {
      resolve(error === null ? ok(stdout.trimEnd()) : failed(stderr.trim() || error.message));
    });
    child.stdin?.end();
  });
}

/** How a process ended, from a shell's `$?`. */
export function exitOfCode(code: number): Exit {
  const signal = code > 128 ? Object.entries(os.constants.signals).find(([, number]) => number === code - 128)?.[0] : undefined;
  return signal === undefined ? { kind: 'exited', code } : { kind: 'signalled', signal };
}

/** Signals a process, or a whole group when `pid` is negative. False when nobody is there. */
export function signal(pid: number, name: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP'): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}

/**
 * Appends: another descriptor that truncates the file would leave NULs otherwise. It lies where the agent can write: a link in
 * its place, or in its folder's, would hand the agent an open file of somebody else, and a named pipe would hold us for ever.
 */
function openOutputLog(file: string): number {
  const folder = path.dirname(file);
  const there = lstatSync(folder, { throwIfNoEntry: false });
  if (there === undefined) mkdirSync(folder, { mode: 0o700 });
  else if (!there.isDirectory()) throw new Error(`${folder} is no folder: remove it`);
  const stat = lstatSync(file, { throwIfNoEntry: false });
  if (stat?.isFile() === false) throw new Error(`${file} is no file: remove it`);
  if (stat !== undefined && stat.size > LONGEST_OUTPUT_LOG) renameSync(file, `${file}.1`);
  return openSync(file, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
}
