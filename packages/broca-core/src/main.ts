/**
 * The program `broca`: `run` is the worker of one agent, everything else a command of its CLI. Only this
 * file and run.ts know a process: arguments, environment, signals, exit code.
 */
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

process.umask(0o077);
// A bundle keeps what V8 made of it beside itself, in a folder of its owner's: 8 ms less at each start.
if (import.meta.filename.endsWith('.mjs')) enableCompileCache(join(import.meta.dirname, '.cache'));

const [command, ...rest] = process.argv.slice(2);
if (command === 'run') process.exitCode = await (await import('./run.ts')).run(rest);
else if (command === 'create-database') process.exitCode = await (await import('./run.ts')).createDatabase(rest);
else if (command === 'try-take-over') process.exitCode = await (await import('./try-take-over.ts')).tryTakeOver(rest);
else if (command === 'prepare-restore') process.exitCode = await (await import('./prepare-restore.ts')).runPrepareRestore(rest);
// Set by `animus`: how the person named this agent.
else process.exitCode = await (await import('./cli/cli.ts')).runCli(process.argv.slice(2), process.env['ANIMUS_CALLED_FOR'] ?? null);
