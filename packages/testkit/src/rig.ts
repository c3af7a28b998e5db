/** A throwaway home and the real `animus` program on it. Disposing stops what runs there and removes it. */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export type Ran = { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string };

export type AnimusProcess = {
  child: ChildProcess;
  ended: Promise<Ran>;
  /** Settles when `text` has come out on stdout or stderr; rejects when the program ends before. */
  said(text: string): Promise<void>;
  /** What has come out on stdout so far. */
  output(): string;
};

export type RunOptions = { input?: string; environment?: Readonly<Record<string, string>> };

export type Rig = {
  /** Throwaway; the home is in it. */
  folder: string;
  home: string;
  /** Runs `animus` to its end. */
  animus(args: readonly string[], options?: RunOptions): Promise<Ran>;
  /** Starts `animus` and leaves it running. */
  start(args: readonly string[], options?: RunOptions): AnimusProcess;
  [Symbol.asyncDispose](): Promise<void>;
};

/** What of this process's environment a program under test may see. */
const PASSED_ON = ['PATH', 'TMPDIR', 'ANIMUS_TEST_RUN', 'ANIMUS_BWRAP'];

/** `program` is the animus to run: `src/cli/main.ts` of the supervisor, or a built `dist/animus.mjs`. */
export function makeRig(program: string): Rig {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rig-'));
  const home = path.join(folder, 'home');
  const base: Record<string, string> = { HOME: folder, ANIMUS_HOME: home, NO_COLOR: '1', LC_ALL: 'C' };
  for (const name of PASSED_ON) {
    const value = process.env[name];
    if (value !== undefined) base[name] = value;
  }
  const start = (args: readonly string[], options: RunOptions = {}): AnimusProcess => {
    const child = spawn(process.execPath, [program, ...args], { cwd: folder, env: { ...base, ...options.environment }, stdio: 'pipe' });
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    return watch(child);
  };
  const animus = async (args: readonly string[], options: RunOptions = {}): Promise<Ran> => await start(args, options).ended;
  return {
    folder,
    home,
    animus,
    start,
    async [Symbol.asyncDispose]() {
      if (fs.existsSync(path.join(home, 'run/animus.sock'))) await animus(['down']);
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

function watch(child: ChildProcess): AnimusProcess {
  const output = { stdout: '', stderr: '' };
  const waiting = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      output[name] += chunk;
      for (const look of waiting) look();
    });
  }
  const ended = new Promise<Ran>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, ...output }));
  });
  const said = async (text: string): Promise<void> =>
    await new Promise((resolve, reject) => {
      const look = (): void => {
        if (!output.stdout.includes(text) && !output.stderr.includes(text)) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
      void ended.then(() => reject(new Error(`it ended before it said ${JSON.stringify(text)}:\n${output.stdout}${output.stderr}`)));
    });
  return { child, ended, said, output: () => output.stdout };
}
