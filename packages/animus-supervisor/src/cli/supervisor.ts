/** The supervisor as the CLI sees it: is one there, has it gone, and which exit code its silence means. */
import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { EXIT, type ExitCode, type FleetStatus, ok, type Result } from 'animus-protocol';
import type { HomePaths } from '../home/paths.ts';
import { identify, isAlive } from '../worker/proc.ts';
import { type AskFailure, ask, describeFailure } from './client.ts';
import type { Screen } from './render.ts';

/** A supervisor answers a status within a few ms; a machine under load may take a second. */
const STATUS_TIMEOUT_MS = 5_000;
const POLL_MS = 20;
const GONE_TIMEOUT_MS = 10_000;

export async function askStatus(socket: string, timeoutMs: number = STATUS_TIMEOUT_MS): Promise<Result<FleetStatus, AskFailure>> {
  return await ask(socket, { kind: 'status' }, { timeoutMs });
}

/** Tells a person why the supervisor did not do it, and gives the exit code that says the same to a program. */
export function complainOf(screen: Screen, failure: AskFailure): ExitCode {
  screen.complain(describeFailure(failure));
  return failure.kind === 'no-supervisor' ? EXIT.noSupervisor : EXIT.failed;
}

/** Brings the fleet down and waits until the supervisor's process has ended too. */
export async function bringDown(socket: string): Promise<Result<{ stopped: string[]; isGone: boolean }, AskFailure>> {
  const status = await askStatus(socket);
  if (!status.ok) return status;
  const supervisor = identify(status.value.supervisor.pid);
  const reply = await ask(socket, { kind: 'down' }, { timeoutMs: null });
  if (!reply.ok) return reply;
  for (let waited = 0; waited < GONE_TIMEOUT_MS; waited += POLL_MS) {
    if (!isAlive(supervisor)) return ok({ stopped: reply.value.stopped, isGone: true });
    await delay(POLL_MS);
  }
  return ok({ stopped: reply.value.stopped, isGone: false });
}

/** Waits until the supervisor answers. Null when `giveUp` aborts first. */
export async function waitUntilAnswering(socket: string, giveUp: AbortSignal): Promise<FleetStatus | null> {
  while (!giveUp.aborted) {
    const status = await askStatus(socket);
    if (status.ok) return status.value;
    await delay(POLL_MS);
  }
  return null;
}

/** A supervisor has the home and nobody listens at its socket: it starts, ends, or somebody deleted the socket. */
export async function isHeldBySilent(home: HomePaths): Promise<boolean> {
  if (!fs.existsSync(home.lock)) return false;
  // Loaded only here: it brings SQLite.
  const { isHomeLocked } = await import('../fleet/lock.ts');
  return isHomeLocked(home.lock);
}
