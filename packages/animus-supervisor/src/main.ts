/**
 * The supervisor program: `supervisor --home DIR`, started by `animus up`. Says one line of JSON on stdout
 * when it stands ({"ready":true,"pid"}) or cannot ({"ready":false,"message"}); all else goes to its log.
 *
 *     SIGINT   (Ctrl-C)              ends the Brocas, then the supervisor
 *     SIGTERM  (systemd, upgrade)    ends the supervisor alone; the Brocas go on and are taken over
 *     SIGHUP   (a dropped ssh)       nothing
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { EXIT, type ExitCode, VERSION } from 'animus-protocol';
import { findInstallation, SUPERVISOR_FLAGS } from './home/installation.ts';
import { checkHomeOwner, makePrivateFolder } from './home/modes.ts';
import { homePaths } from './home/paths.ts';
import { startSupervisor } from './supervisor.ts';

process.umask(0o077);
// pidusage would print its complaints; ours go to the log.
process.env['PIDUSAGE_SILENT'] = '1';
process.on('SIGHUP', () => undefined);
process.exit(await run());

async function run(): Promise<ExitCode> {
  const { values } = parseArgs({ options: { home: { type: 'string' } } });
  if (values.home === undefined) return refuse('say which home: --home DIR', EXIT.usage);
  const home = path.resolve(values.home);
  const owner = checkHomeOwner(home, process.getuid?.() ?? null);
  if (!owner.ok) return refuse(owner.error, EXIT.failed);
  if (!existsSync(home)) return refuse(`there is no home at ${home}: make one with \`animus init\``, EXIT.failed);
  const installation = findInstallation(import.meta.dirname, { binary: process.execPath, version: process.versions.node });
  if (!installation.ok) return refuse(installation.error, EXIT.failed);
  const paths = homePaths(home);
  for (const folder of [paths.run, paths.logs]) makePrivateFolder(folder);
  const started = await startSupervisor({
    home,
    root: installation.value.root,
    command: [process.execPath, ...process.execArgv.filter((flag) => !SUPERVISOR_FLAGS.includes(flag)), installation.value.commandProgram],
    version: VERSION,
    pid: process.pid,
    environment: process.env,
  });
  if (!started.ok) return refuse(started.error, EXIT.failed);
  const supervisor = started.value;
  process.on('SIGINT', () => supervisor.down('SIGINT'));
  process.on('SIGTERM', () => supervisor.leave('SIGTERM'));
  // The Brocas do not die of our faults: whoever starts next takes them over.
  process.on('uncaughtExceptionMonitor', (error) => supervisor.fail(error.stack ?? error.message));
  say({ ready: true, pid: process.pid });
  await supervisor.ended;
  return EXIT.done;
}

function refuse(message: string, code: ExitCode): ExitCode {
  say({ ready: false, message });
  return code;
}

/** The parent may be gone: nobody is left to tell then. */
function say(line: Record<string, unknown>): void {
  process.stdout.on('error', () => undefined);
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
