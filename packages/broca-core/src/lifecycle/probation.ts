/** A release that an update tries out: shut, until the plan that names it is gone (animus-protocol, update-plan.ts). */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseUpdatePlan, UPDATE_PLAN } from 'animus-protocol';

/** Looked at, not watched: inotify instances are few, and a probation is short. */
const LOOK_EVERY_MS = 25;

/** Whether an update of the agent is under way, or was and is not finished. */
export function isUpdating(folder: string): boolean {
  return existsSync(join(folder, UPDATE_PLAN));
}

export class Probation {
  /** Resolves when this Broca may open, at once where it never was on probation; never when it ends before. */
  readonly over: Promise<void>;
  #folder: string;
  #isOver: boolean;
  #open: () => void;

  /** `release` null: it runs from a checkout, which no update tries out. */
  constructor(folder: string, release: string | null) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    this.#open = resolve;
    this.#folder = folder;
    this.#isOver = release === null || !isTriedOut(folder, release);
    if (this.#isOver) resolve();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Waits for the end of it, or until `signal` aborts. */
  async serve(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && isUpdating(this.#folder)) await sleep(LOOK_EVERY_MS);
    if (signal.aborted) return;
    this.#isOver = true;
    this.#open();
  }
}

function isTriedOut(folder: string, release: string): boolean {
  if (!isUpdating(folder)) return false;
  try {
    const plan = parseUpdatePlan(readFileSync(join(folder, UPDATE_PLAN), 'utf8'));
    return plan.ok && plan.value.to === release;
  } catch {
    // It went in this moment.
    return false;
  }
}
