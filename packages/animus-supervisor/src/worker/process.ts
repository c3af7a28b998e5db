/**
 * Starts and signals Brocas; the only file of the supervisor that does. Each runs behind the shim, in a
 * session and process group of its own, with its output appended to a file: the supervisor holds no
 * pipe to it, so that the death of either costs the other nothing.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, renameSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { failed, ok, type Result } from 'animus-protocol';
import { execa } from 'execa';
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

/** execa takes any descriptor; its types name these only. */
type Descriptor = 3 | 4 | 5 | 6 | 7 | 8 | 9;

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
    const child = execa(
      '/bin/sh',
      [request.shim, request.statusFile, request.nonce, request.cgroup === null ? '' : membersFile(request.cgroup), command, ...args],
      {
        cwd: request.folder,
        env: request.environment,
        extendEnv: false,
        detached: true,
        cleanup: false,
        buffer: false,
        reject: false,
        stdin: 'ignore',
        stdout: output as Descriptor,
        stderr: output as Descriptor,
      },
    );
    // Its end is taken from the event below: execa's own promise adds nothing to it.
    child.catch(() => undefined);
    if (child.pid === undefined) return failed(`cannot be started: /bin/sh or the folder ${request.folder} is not usable`);
    const exited = new Promise<Exit>((resolve) => {
      child.nodeChildProcess.once('exit', (code, signal) =>
        resolve(signal === null ? exitOfCode(code ?? 0) : { kind: 'signalled', signal }),
      );
    });
    child.nodeChildProcess.unref();
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
  const ended = await execa(command, args, { env: environment, extendEnv: false, reject: false, stdin: 'ignore', timeout: patienceMs });
  if (!ended.failed) return ok(ended.stdout);
  return failed(ended.stderr.trim() || ended.originalMessage || ended.shortMessage || 'it failed without a word');
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
  if (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() === false) throw new Error(`${folder} is no folder: remove it`);
  const stat = lstatSync(file, { throwIfNoEntry: false });
  if (stat?.isFile() === false) throw new Error(`${file} is no file: remove it`);
  if (stat !== undefined && stat.size > LONGEST_OUTPUT_LOG) renameSync(file, `${file}.1`);
  return openSync(file, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
}
