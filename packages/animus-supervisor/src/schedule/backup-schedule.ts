/** Backs the fleet up by itself, as `backup` in animus.config.json says: one at a time, and what was missed once. */
import type { BackupReport, FleetConfig } from 'animus-protocol';
import type { Publish } from '../observe/event.ts';
import type { Clock } from '../worker/clock.ts';
import { isAlive, type ProcessIdentity } from '../worker/proc.ts';
import { type NextAfter, readCron } from './cron.ts';
import { dueAt, waitFor } from './due-policy.ts';
import { type Memory, readMemory, writeMemory } from './memory.ts';
import type { StartBackup } from './start-backup.ts';

export type BackupScheduleOptions = {
  /** Where it is kept what was done. */
  file: string;
  clock: Clock;
  /** ms of the epoch. */
  wallNow: () => number;
  start: StartBackup;
  publish: Publish;
};

/** How often it is looked whether the backup of a former supervisor has ended. */
const LOOK_AGAIN_MS = 1_000;

export class BackupSchedule {
  #options: BackupScheduleOptions;
  #memory: Memory | null;
  #nextAfter: NextAfter | null = null;
  #fault: string | null = null;
  #keep = 1;
  #lastTriedAt: number | null = null;
  #cancelWait: () => void = () => undefined;
  #running: Promise<void> | null = null;
  #ending = new AbortController();
  #isOpen = false;

  constructor(options: BackupScheduleOptions) {
    this.#options = options;
    this.#memory = readMemory(options.file);
  }

  /** Null: nothing is scheduled. */
  report(): BackupReport | null {
    const memory = this.#memory;
    if (this.#fault !== null) return { nextAt: null, lastGoodAt: memory?.lastGoodAt ?? null, isRunning: false, failure: this.#fault };
    if (this.#nextAfter === null || memory === null) return null;
    const { lastGoodAt, failure } = memory;
    return {
      nextAt: finiteOrNull(this.#due(this.#nextAfter, memory)),
      lastGoodAt,
      isRunning: this.#running !== null,
      failure: failure === null ? null : `the last scheduled backup failed: ${failure.reason}`,
    };
  }

  /** Takes over what the configuration says now. A schedule that is new begins with its next time. */
  apply({ backup, timezone }: FleetConfig): void {
    const { schedule, keep } = backup;
    this.#keep = keep;
    const cron = schedule === null ? null : readCron(schedule, timezone);
    const fault = cron?.ok === false ? `backup.schedule in animus.config.json: ${cron.error}` : null;
    if (fault !== null && fault !== this.#fault) this.#options.publish({ kind: 'config-problem', problem: fault });
    this.#fault = fault;
    this.#nextAfter = cron?.ok === true ? cron.value : null;
    if (schedule !== null && (this.#memory?.schedule !== schedule || this.#memory.timezone !== timezone)) {
      const { lastGoodAt, failure, running } = this.#memory ?? { lastGoodAt: null, failure: null, running: null };
      this.#remember({ schedule, timezone, since: this.#options.wallNow(), lastGoodAt, failure, running });
    }
    // Set again later, it begins anew: times that passed while there was no schedule were not missed.
    if (schedule === null && this.#memory !== null) this.#remember({ ...this.#memory, schedule: '' });
    this.#look();
  }

  open(): void {
    this.#isOpen = true;
    this.#look();
  }

  /** Ends a backup that runs; it is made up for at the next start. */
  async close(): Promise<void> {
    this.#isOpen = false;
    this.#cancelWait();
    this.#ending.abort();
    await this.#running;
  }

  #look(): void {
    this.#cancelWait();
    if (!this.#isOpen || this.#running !== null || this.#nextAfter === null || this.#memory === null) return;
    const { clock, wallNow } = this.#options;
    const now = wallNow();
    const due = this.#due(this.#nextAfter, this.#memory);
    const isHeldUp = due <= now && this.#endFormer(this.#memory.running);
    if (due <= now && !isHeldUp) this.#running = this.#run(now, this.#memory);
    else this.#cancelWait = clock.after(isHeldUp ? LOOK_AGAIN_MS : waitFor(due, now), () => this.#look());
  }

  #due(nextAfter: NextAfter, { since, lastGoodAt }: Memory): number {
    return dueAt(nextAfter, { since, lastGoodAt, lastTriedAt: this.#lastTriedAt }, this.#options.wallNow());
  }

  /** One that a killed supervisor left would tell nobody how it ended. Without its start time a pid may be anybody's. */
  #endFormer(former: ProcessIdentity | null): boolean {
    if (former === null || former.startTicks === null || !isAlive(former)) return false;
    try {
      process.kill(former.pid, 'SIGTERM');
    } catch {
      // It has ended just now.
    }
    return true;
  }

  async #run(startedAt: number, memory: Memory): Promise<void> {
    const { start, publish } = this.#options;
    const backup = start(this.#keep, this.#ending.signal);
    this.#remember({ ...memory, running: backup.process });
    const ended = await backup.ended;
    // Times that it ran over were not missed.
    this.#lastTriedAt = this.#options.wallNow();
    // The schedule may have been changed meanwhile.
    const now = { ...(this.#memory ?? memory), running: null };
    if (ended.ok) {
      this.#remember({ ...now, lastGoodAt: startedAt, failure: null });
      publish({ kind: 'backup-made', agents: ended.value });
    } else if (this.#ending.signal.aborted) this.#remember(now);
    else {
      this.#remember({ ...now, failure: { at: startedAt, reason: ended.error } });
      publish({ kind: 'backup-failed', reason: ended.error });
    }
    this.#running = null;
    this.#look();
  }

  #remember(memory: Memory): void {
    this.#memory = memory;
    try {
      writeMemory(this.#options.file, memory);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.publish({ kind: 'backup-failed', reason: `what was done could not be written down: ${reason}` });
    }
  }
}

function finiteOrNull(at: number): number | null {
  return Number.isFinite(at) ? at : null;
}
