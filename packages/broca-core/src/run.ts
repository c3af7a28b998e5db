/** `broca run`: the worker of one agent, from its folder to its end. And `create-database`, which deploy calls. */
import { existsSync, mkdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { EXIT, type ExitCode } from 'animus-protocol';
import { folderFault } from './folder-fault.ts';
import { Broca } from './lifecycle/broca.ts';
import type { BrocaIdentity } from './lifecycle/hello.ts';
import { monotonicMs } from './lifecycle/monotonic.ts';
import { type OpenFolder, openFolder } from './lifecycle/open-folder.ts';
import { describeDoubt, putInDoubt } from './store/damage/doubt.ts';
import { describeOpenFault, openStore } from './store/open.ts';

/** How long the turn in hand may take when a signal asks Broca to stop; a supervisor says its own time. */
const SIGNAL_DEADLINE_MS = 25_000;

const HELP = `broca run [--folder DIR]

Runs the Broca of an agent: of the current folder, or of DIR. Ends on Ctrl-C or SIGTERM once the turn
in hand is answered; SIGHUP reads .env and settings.json again.
`;

/** Handles that a plugin forgot must not keep an ended Broca alive. */
const LINGER_MS = 1_000;

export async function run(argv: string[]): Promise<ExitCode> {
  if (argv.includes('--help')) {
    process.stdout.write(HELP);
    return EXIT.done;
  }
  const identity = identify();
  const folder = folderOf(argv);
  if (folder === null) return EXIT.usage;
  const fault = folderFault(folder);
  if (fault !== null) return complain({ code: EXIT.configuration, lines: [fault] });
  for (const name of ['run', 'logs', 'inbox', 'outbox']) mkdirSync(join(folder, name), { recursive: true, mode: 0o700 });
  const opened = await openFolder(folder, identity);
  if (!opened.ok) return complain(opened.error);
  let broca: Broca;
  try {
    broca = new Broca(opened.value, identity);
  } catch (error) {
    return crash(opened.value, error);
  }
  process.on('SIGHUP', () => broca.reload());
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      broca.stop(SIGNAL_DEADLINE_MS, signal);
      process.once(signal, () => broca.stopNow());
    });
  }
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      if (broca.blame(error)) return;
      // Ours: the state in memory cannot be trusted any more, that on the disk can. The next process goes on from it.
      process.exit(crash(opened.value, error));
    });
  }
  try {
    await broca.ended;
    return EXIT.done;
  } catch (error) {
    return crash(opened.value, error);
  } finally {
    setTimeout(() => process.exit(), LINGER_MS).unref();
  }
}

function identify(): BrocaIdentity {
  const startedAt = Math.round(Date.now() - monotonicMs());
  const releaseFolder = existsSync(join(import.meta.dirname, 'release.json')) ? import.meta.dirname : null;
  const release = releaseFolder === null ? null : basename(releaseFolder);
  return { releaseFolder, release, nonce: process.env['ANIMUS_WORKER_NONCE'] ?? null, startedAt };
}

function crash({ folder, log }: OpenFolder, error: unknown): ExitCode {
  log.error('crashed', { error: describe(error) });
  const doubt = putInDoubt(folder, error) ? [`${describeDoubt(error)}: the next start looks at all of it`] : [];
  return complain({ code: EXIT.failed, lines: [describe(error), ...doubt] });
}

/** Makes the agent's database, so that a deployed agent is whole before its first start. */
export async function createDatabase(argv: string[]): Promise<ExitCode> {
  const folder = folderOf(argv);
  if (folder === null) return EXIT.usage;
  const file = join(folder, 'animus.db');
  const opened = openStore(file);
  if (!opened.ok) return complain({ code: EXIT.failed, lines: [describeOpenFault(file, opened.error)] });
  opened.value.close();
  return EXIT.done;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function folderOf(argv: string[]): string | null {
  try {
    const { values } = parseArgs({ args: argv, options: { folder: { type: 'string' } } });
    const folder = resolve(values.folder ?? process.cwd());
    if (existsSync(folder)) return folder;
    process.stderr.write(`there is no folder ${folder}\n`);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nusage: broca run [--folder DIR]\n`);
  }
  return null;
}

function complain({ code, lines }: { code: ExitCode; lines: string[] }): ExitCode {
  for (const line of lines) process.stderr.write(`${line}\n`);
  return code;
}
