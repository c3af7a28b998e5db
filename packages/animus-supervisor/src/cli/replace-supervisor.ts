/** A supervisor of an older version makes way for ours; the Brocas go on and are taken over. */
import { setTimeout as delay } from 'node:timers/promises';
import { type FleetStatus, isOlderVersion, VERSION } from 'animus-protocol';
import { identify, isAlive } from '../worker/proc.ts';
import type { CliContext } from './context.ts';

const LOOK_EVERY_MS = 20;
/** It closes its socket and its log, and waits for nobody. */
const GONE_WITHIN_MS = 10_000;

export function mustMakeWay({ supervisor }: FleetStatus): boolean {
  return isOlderVersion(supervisor.version, VERSION);
}

/** False when it stays, which is told. Every version takes SIGTERM for this: it ends, the Brocas do not. */
export async function endOlderSupervisor({ supervisor }: FleetStatus, { screen }: CliContext): Promise<boolean> {
  const { pid, version } = supervisor;
  screen.complain(`the supervisor (pid ${pid}) is Animus ${version}, this is ${VERSION}: it is replaced, the agents go on`);
  const identity = identify(pid);
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    // Somebody else was faster.
    if (!isAlive(identity)) return true;
    screen.complain(`it cannot be ended: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
  for (let waited = 0; waited < GONE_WITHIN_MS; waited += LOOK_EVERY_MS) {
    if (!isAlive(identity)) return true;
    await delay(LOOK_EVERY_MS);
  }
  screen.complain(`it has not ended within ${GONE_WITHIN_MS / 1000} s; end it, then try again: kill -9 ${pid}`);
  return false;
}

/** What a person should know when the versions of what runs differ; a line each. */
export function describeVersions({ supervisor, agents }: FleetStatus): string[] {
  const lines: string[] = [];
  if (isOlderVersion(supervisor.version, VERSION)) {
    lines.push(`the supervisor is Animus ${supervisor.version}, this is ${VERSION}; replace it, the agents go on: animus up -d`);
  }
  if (isOlderVersion(VERSION, supervisor.version)) {
    lines.push(`the supervisor is Animus ${supervisor.version}, newer than this animus (${VERSION}); use the newer one`);
  }
  for (const { id, version } of agents) {
    if (version === null || !isOlderVersion(version, VERSION)) continue;
    lines.push(`${id} runs an older release (Broca ${version}); bring it up to date: animus update ${id}`);
  }
  return lines;
}
