/** Undoes `install`: nothing of it is left, and a fleet that runs goes on under a supervisor as `animus up -d` starts it. */
import fs from 'node:fs';
import { EXIT, type ExitCode } from 'animus-protocol';
import type { CliContext } from '../context.ts';
import { startSupervisor } from '../exec.ts';
import { askStatus, waitUntilAnswering } from '../supervisor.ts';
import type { Place } from './place.ts';
import { readState, systemctl } from './systemctl.ts';

const ANSWERS_WITHIN_MS = 15_000;

export type Uninstalled = { unit: string; file: string /** What a person still has to type. */; todo: string[] };

export async function uninstall(place: Place, context: CliContext): Promise<{ code: ExitCode; uninstalled: Uninstalled }> {
  const { environment, screen, home } = context;
  const state = await readState(place, environment);
  const isRunning = state.ok && state.value.active;
  const wasAnswering = (await askStatus(home.socket)).ok;
  const todo: string[] = [];
  const undo = async (...words: string[]): Promise<boolean> => {
    const done = await systemctl(place, words, environment);
    if (!done.ok) todo.push([place.systemctl, ...words].join(' '));
    return done.ok;
  };
  // The Brocas go on: KillMode=process.
  const isStopped = isRunning && (await undo('stop', place.unit));
  await undo('disable', place.unit);
  const refused = remove(place.file);
  if (refused !== null) {
    screen.complain(`${refused}. Type: sudo rm ${place.file}`);
    return { code: EXIT.failed, uninstalled: { unit: place.unit, file: place.file, todo } };
  }
  await undo('daemon-reload');
  // Fails where nothing failed before.
  if (isRunning) await systemctl(place, ['reset-failed', place.unit], environment);
  if (!state.ok) screen.complain(`the unit is removed, but systemd could not be told: ${state.error}`);
  const isBack = !(isStopped && wasAnswering) || (await startByHand(context));
  return { code: isBack && todo.length === 0 ? EXIT.done : EXIT.failed, uninstalled: { unit: place.unit, file: place.file, todo } };
}

/** Null, or why it could not be removed. */
function remove(file: string): string | null {
  try {
    fs.rmSync(file, { force: true });
    return null;
  } catch (error) {
    return `the unit could not be removed: ${error instanceof Error ? error.message : String(error)}`;
  }
}

async function startByHand({ installation, home, environment, screen }: CliContext): Promise<boolean> {
  const found = installation();
  if (found.ok) {
    startSupervisor(found.value, home, environment);
    if ((await waitUntilAnswering(home.socket, AbortSignal.timeout(ANSWERS_WITHIN_MS))) !== null) return true;
  }
  screen.complain('the agents go on without a supervisor; start one with: animus up -d');
  return false;
}
