/**
 * All or nothing: what takes several steps is made in a stage, a hidden folder beside its target, and renamed
 * into place as the last step. A stage whose maker was killed is swept by the next one who makes something there.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { findByFolder, identify, isAlive, readBootId } from '../worker/proc.ts';
import { signal } from '../worker/process.ts';
import { FOLDER_MODE } from './modes.ts';

export type Stage = {
  folder: string;
  /** Renames the stage to `target`; false when something stands there already (the stage is left). */
  moveTo(target: string): boolean;
  /** Deletes the stage if it was not moved. */
  [Symbol.dispose](): void;
};

/** `.stage-<label>.<pid>.<start of that process>.<random>`: no agent's name, and it tells whether its maker lives. */
const STAGE_NAME = /^\.stage-.+\.(\d+)\.(\d+)\.[0-9a-f]{8}$/;

/** Where the kernel does not tell when a process started (macOS), only its pid counts. */
const UNKNOWN_START = 0;

export function makeStage(parent: string, label: string): Stage {
  sweepStages(parent);
  const start = identify(process.pid).startTicks ?? UNKNOWN_START;
  const folder = path.join(parent, `.stage-${label}.${process.pid}.${start}.${randomBytes(4).toString('hex')}`);
  fs.mkdirSync(folder, { mode: FOLDER_MODE });
  return {
    folder,
    moveTo: (target) => moveInto(folder, target),
    [Symbol.dispose]: () => fs.rmSync(folder, { recursive: true, force: true }),
  };
}

/** Deletes the stages in `parent` whose makers are dead, and gives their names. */
export function sweepStages(parent: string): string[] {
  const dead = findDeadStages(parent);
  for (const name of dead) drop(path.join(parent, name));
  return dead;
}

/** Names of the stages in `parent` whose makers are dead. */
export function findDeadStages(parent: string): string[] {
  return fs.readdirSync(parent).filter((name) => {
    const match = STAGE_NAME.exec(name);
    return match !== null && !isMakerAlive(Number(match[1]), Number(match[2]));
  });
}

/** What a killed maker had started (a `git clone`) may still be writing there: it is ended first. */
function drop(folder: string): void {
  for (const pid of findByFolder(fs.realpathSync(folder))) signal(pid, 'SIGKILL');
  // The kernel needs a moment to end them.
  fs.rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
}

function isMakerAlive(pid: number, start: number): boolean {
  return isAlive({ pid, startTicks: start === UNKNOWN_START ? null : start, bootId: readBootId(), pidNamespace: null });
}

function moveInto(folder: string, target: string): boolean {
  if (fs.lstatSync(target, { throwIfNoEntry: false }) !== undefined) return false;
  try {
    fs.renameSync(folder, target);
    return true;
  } catch (error) {
    // Somebody was faster between the look and the rename; a rename onto a folder with content is refused by the kernel.
    if (error instanceof Error && 'code' in error && (error.code === 'ENOTEMPTY' || error.code === 'EEXIST')) return false;
    throw error;
  }
}
