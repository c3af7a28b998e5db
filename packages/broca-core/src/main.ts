/**
 * The program `broca`: `run` is the worker of one agent, everything else a command of its CLI. Only this
 * file and run.ts know a process: arguments, environment, signals, exit code.
 */
import { createRequire, enableCompileCache, flushCompileCache } from 'node:module';
import { join } from 'node:path';

/** The worker is ready long before, and what its start compiled is not yet thrown away. */
const KEEP_CODE_AFTER_MS = 5_000;

process.umask(0o077);
const isBundle = import.meta.filename.endsWith('.mjs');
if (isBundle) {
  // A bundle keeps what V8 made of it beside itself, in a folder of its owner's: 8 ms less at each start.
  enableCompileCache(join(import.meta.dirname, '.cache'));
  // For the next start even if this process is killed: by itself Node writes it down only at an orderly end.
  setTimeout(flushCompileCache, KEEP_CODE_AFTER_MS).unref();
}

const [command, ...rest] = process.argv.slice(2);
if (command === 'run') process.exitCode = await loadRun().run(rest);
else if (command === 'create-database') process.exitCode = await (await import('./run.ts')).createDatabase(rest);
else if (command === 'try-take-over') process.exitCode = await (await import('./try-take-over.ts')).tryTakeOver(rest);
else if (command === 'prepare-restore') process.exitCode = await (await import('./prepare-restore.ts')).runPrepareRestore(rest);
// Set by `animus`: how the person named this agent.
else process.exitCode = await (await import('./cli/cli.ts')).runCli(process.argv.slice(2), process.env['ANIMUS_CALLED_FOR'] ?? null);

/** By `require`, which loads the worker's program 3 ms sooner than a dynamic import does. */
function loadRun(): typeof import('./run.ts') {
  const load = createRequire(import.meta.url);
  return isBundle ? load('./broca-run.mjs') : load('./run.ts');
}
