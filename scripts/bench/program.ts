/** Starts programs to be measured, on the Node that runs the benchmark, and ends every one of them. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';

const BARE = path.join(import.meta.dirname, 'bare.mjs');

export type Running = AsyncDisposable & { pid: number; child: ChildProcess };

export function start(args: readonly string[], environment: NodeJS.ProcessEnv = process.env): Running {
  return startProgram(process.execPath, args, { env: environment });
}

export function startProgram(command: string, args: readonly string[], options: SpawnOptions): Running {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  return {
    child,
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      // A shim passes nothing on: its whole group is told.
      if (options.detached === true) process.kill(-(child.pid ?? 0), 'SIGTERM');
      else child.kill('SIGTERM');
      await exited;
    },
  };
}

/** Starts a bare Node and resolves when it runs. */
export async function startBare(): Promise<Running> {
  const bare = start([BARE]);
  if (bare.child.stdout !== null) await once(bare.child.stdout, 'data');
  return bare;
}

/** Runs a program to its end, whatever that is, and gives how long it took, in ms. */
export async function timeToEnd(command: string, args: readonly string[], environment: NodeJS.ProcessEnv = process.env): Promise<number> {
  const startedAt = performance.now();
  const child = spawn(command, args, { stdio: 'ignore', env: environment });
  await once(child, 'exit');
  return performance.now() - startedAt;
}

/** Proportional set size in MB: what is shared with siblings counts by its share. */
export function pssMb(pid: number): number {
  const line = /^Pss:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
  return Number(line?.[1]) / 1024;
}
