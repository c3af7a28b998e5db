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

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const interruption = new AbortController();
let isListening = false;

function listenForInterruption(): AbortSignal {
  if (isListening) return interruption.signal;
  isListening = true;
  let first = 0;
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      const isSecond = interruption.signal.aborted && performance.now() - first > ONE_WISH_MS;
      // A terminal that is closed says so more than once.
      if (isSecond && signal !== 'SIGHUP') process.exit(INTERRUPTED);
      if (interruption.signal.aborted) return;
      first = performance.now();
      interruption.abort(signal);
    });
  }
  return interruption.signal;
}

try {
  const context = {
    home: homePaths(homeFolder(process.env, os.homedir())),
    version: VERSION,
    screen,
    input: () => process.stdin,
    environment: process.env,
    agentKey: agentKey === '' ? null : agentKey,
    installation: () => findInstallation(import.meta.dirname, { binary: process.execPath, version: process.versions.node }),
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
if (interruption.signal.reason === 'SIGHUP') {
  // What was begun is undone or done. Whoever waits for us is told the truth of how we ended.
  process.removeAllListeners('SIGHUP');
  process.kill(process.pid, 'SIGHUP');
}
