/** Runs `animus backup` for every agent in a process of its own, with the lowest priority: Brocas and supervisor go before. */
import { execFile } from 'node:child_process';
import os from 'node:os';
import { failed, ok, type Result } from 'animus-protocol';
import * as v from 'valibot';
import { identify, type ProcessIdentity } from '../worker/proc.ts';

export type StartedBackup = {
  /** Null where none could be started. */
  process: ProcessIdentity | null;
  /** How many agents it took, or why not all of them. */
  ended: Promise<Result<number, string>>;
};
export type StartBackup = (keep: number, signal: AbortSignal) => StartedBackup;

export type BackupProgram = {
  home: string;
  /** Node, and what stands before the command's own words. */
  command: readonly [string, ...string[]];
  environment: Readonly<Record<string, string | undefined>>;
};

/** A line for each agent of a large fleet. */
const LONGEST_OUTPUT = 16 * 1024 * 1024;
const LOWEST_PRIORITY = 19;
const LONGEST_REASON = 2_000;

const report = v.object({ backups: v.array(v.object({ id: v.string(), ok: v.boolean(), message: v.string() })) });

/** A polite kill, at `signal`, leaves no half backup. */
export function backupStarter({ home, command, environment }: BackupProgram): StartBackup {
  const [node, ...words] = command;
  return (keep, signal) => {
    const { promise, resolve } = Promise.withResolvers<Result<number, string>>();
    const child = execFile(
      node,
      [...words, 'backup', '--json', '--keep', String(keep)],
      { cwd: home, env: { ...environment, ANIMUS_HOME: home }, maxBuffer: LONGEST_OUTPUT, signal },
      (error, stdout, stderr) => resolve(judge(error, stdout, stderr)),
    );
    if (child.pid === undefined) return { process: null, ended: promise };
    try {
      os.setPriority(child.pid, LOWEST_PRIORITY);
    } catch {
      // It has ended already.
    }
    return { process: identify(child.pid), ended: promise };
  };
}

function judge(error: Error | null, stdout: string, stderr: string): Result<number, string> {
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), report), stdout);
  const backups = read.success ? read.output.backups : [];
  if (error === null) return ok(backups.length);
  const failures = backups.filter((each) => !each.ok).map(({ id, message }) => `${id}: ${message}`);
  const reason = failures.length > 0 ? failures.join('; ') : stderr.trim() || error.message;
  return failed(reason.length > LONGEST_REASON ? `${reason.slice(0, LONGEST_REASON)}…` : reason);
}
