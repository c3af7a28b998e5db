/** The `animus` program: the world (arguments, environment, terminal, signals) is read here and nowhere else. */
import os from 'node:os';
import { EXIT, VERSION } from 'animus-protocol';
import { findInstallation } from '../home/installation.ts';
import { homeFolder, homePaths } from '../home/paths.ts';
import { makeScreen } from './render.ts';
import { runCli } from './run.ts';

/** A terminal and npm both pass on one Ctrl-C, and two within this time are one wish. */
const ONE_WISH_MS = 1_000;
/** As a shell says "ended by Ctrl-C". */
const INTERRUPTED = 130;

// Whatever we or what we start creates is the owner's alone.
process.umask(0o077);
const agentKey = process.env['ANIMUS_AGENT_KEY'] ?? null;
delete process.env['ANIMUS_AGENT_KEY'];

const noColour = (process.env['NO_COLOR'] ?? '') !== '';
const screen = makeScreen({ stdout: process.stdout, stderr: () => process.stderr, noColour });

let interruption: AbortController | null = null;

function listenForInterruption(): AbortSignal {
  if (interruption !== null) return interruption.signal;
  const controller = new AbortController();
  interruption = controller;
  let first = 0;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted && performance.now() - first > ONE_WISH_MS) process.exit(INTERRUPTED);
      if (controller.signal.aborted) return;
      first = performance.now();
      controller.abort(signal);
    });
  }
  return controller.signal;
}

try {
  const context = {
    home: homePaths(homeFolder(process.env, os.homedir())),
    version: VERSION,
    screen,
    input: () => process.stdin,
    environment: process.env,
    agentKey: agentKey === '' ? null : agentKey,
    installation: () => findInstallation(import.meta.dirname, { binary: process.execPath, version: process.version }),
    interruption: listenForInterruption,
    now: Date.now,
  };
  process.exitCode = await runCli(process.argv.slice(2), context, process.getuid?.() ?? null);
} catch (error) {
  // The system said no (disk full, no permission): its words are enough. Anything else is our bug, with its place.
  const isOfSystem = error instanceof Error && 'syscall' in error;
  screen.complain(`animus: ${error instanceof Error ? (isOfSystem ? error.message : error.stack) : String(error)}`);
  process.exitCode = EXIT.failed;
}
