/** The programs the CLI starts: the supervisor, which outlives it, and a command of an agent's own Broca, which it waits for. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { EXIT } from 'animus-protocol';
import { type Installation, SUPERVISOR_FLAGS } from '../home/installation.ts';
import { FILE_MODE } from '../home/modes.ts';
import type { AgentPaths, HomePaths } from '../home/paths.ts';
import type { Runtime } from '../home/release-file.ts';
import type { CliContext } from './context.ts';

export type BrocaQuestion = {
  command: string;
  /** What the person wrote after the agent. */
  words: readonly string[];
  /** The agent as the person named it, so that Broca's hints can be typed as they stand. */
  calledFor: string;
};

/**
 * Runs a command of an agent's release on this terminal, and gives its exit code. It stays in the person's folder:
 * a file they name is one of theirs. Ctrl-C reaches it by itself (the terminal sends it to both); a polite kill and
 * a hang-up are passed on.
 */
export async function runBroca(
  runtime: Runtime,
  agent: AgentPaths,
  { command, words, calledFor }: BrocaQuestion,
  { environment, interruption }: Pick<CliContext, 'environment' | 'interruption'>,
): Promise<number> {
  const interrupted = interruption();
  // Before the words, which may hold `--`: what comes after it is text.
  const child = spawn(runtime.node, [agent.program, command, '--folder', agent.folder, ...words], {
    env: { ...environment, ANIMUS_CALLED_FOR: calledFor },
    stdio: 'inherit',
  });
  return await endOnTerminal(child, interrupted);
}

/** Opens a file in a person's editor on this terminal, and gives the editor's exit code. `editor` may bring options: `code --wait`. */
export async function runEditor(
  editor: string,
  file: string,
  { environment, interruption }: Pick<CliContext, 'environment' | 'interruption'>,
): Promise<number> {
  const interrupted = interruption();
  const child = spawn('/bin/sh', ['-c', `${editor} "$1"`, 'animus', file], { cwd: path.dirname(file), env: environment, stdio: 'inherit' });
  return await endOnTerminal(child, interrupted);
}

async function endOnTerminal(child: ReturnType<typeof spawn>, interrupted: AbortSignal): Promise<number> {
  interrupted.addEventListener('abort', () => {
    if (interrupted.reason !== 'SIGINT') child.kill(interrupted.reason);
  });
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (exitCode, exitSignal) => resolve([exitCode, exitSignal]));
  });
  // As a shell says it: 128 and the signal's number.
  return code ?? (signal === null ? EXIT.failed : 128 + constants.signals[signal]);
}

/** Runs a program of the machine to its end and gives what it said; null when it is not installed. */
export async function runToEnd(
  command: string,
  args: readonly string[],
  environment: CliContext['environment'],
): Promise<{ code: number; stdout: string; stderr: string } | null> {
  return await new Promise((resolve, reject) => {
    const child = execFile(command, args, { env: environment, encoding: 'utf8' }, (error, stdout, stderr) => {
      if (error === null) resolve({ code: 0, stdout, stderr });
      else if (error.code === 'ENOENT') resolve(null);
      else if (child.exitCode !== null) resolve({ code: child.exitCode, stdout, stderr });
      else reject(error);
    });
  });
}

export type StartedSupervisor = {
  pid: number | undefined;
  /** Settles when it ends, with what it said. */
  ended: Promise<{ code: number | null; said: string }>;
};

/** Starts the supervisor in a session of its own: no terminal's hang-up reaches it. */
export function startSupervisor(installation: Installation, home: HomePaths, environment: CliContext['environment']): StartedSupervisor {
  fs.mkdirSync(home.logs, { recursive: true, mode: 0o700 });
  // Not a pipe: a supervisor whose CLI has ended must still be able to say why it fell.
  const file = path.join(home.logs, 'supervisor.output.log');
  const output = fs.openSync(file, 'a', FILE_MODE);
  const saidBefore = fs.fstatSync(output).size;
  try {
    const child = spawn(installation.node.binary, [...SUPERVISOR_FLAGS, installation.supervisorProgram, '--home', home.home], {
      cwd: home.home,
      env: environment,
      stdio: ['ignore', output, output],
      detached: true,
    });
    const ended = endOf(child).then((code) => ({ code, said: readSaid(fs.readFileSync(file).subarray(saidBefore).toString('utf8')) }));
    child.unref();
    return { pid: child.pid, ended };
  } finally {
    fs.closeSync(output);
  }
}

/** The reason in `{"ready":false,"message"}`, or whatever else it wrote (a crash of Node itself). */
function readSaid(output: string): string {
  const lines = output.split('\n').filter((line) => line !== '');
  const reasons = lines.flatMap((line) => {
    const parsed = parseJson(line);
    return typeof parsed === 'object' && parsed !== null && 'message' in parsed ? [String(parsed.message)] : [];
  });
  // Others that were started at the same moment say theirs into the same file.
  return reasons.length > 0 ? [...new Set(reasons)].join('\n') : lines.filter((line) => !line.startsWith('{"ready":true')).join('\n');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function endOf(child: ReturnType<typeof spawn>): Promise<number | null> {
  const [code]: unknown[] = await once(child, 'exit');
  return typeof code === 'number' ? code : null;
}
