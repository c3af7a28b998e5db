/** What is known of an agent over all supervisors, on disk whenever it has changed, however full the disk was meanwhile. */
import type { Clock } from './clock.ts';
import type { AgentRecord } from './record.ts';

export type KeptRecordOptions = {
  /** As the last supervisor left it, or a new agent's. */
  record: AgentRecord;
  /** Throws where it cannot be written. */
  write: (record: AgentRecord) => void;
  /** It could not be written: told once for each reason. */
  failed: (reason: string) => void;
  clock: Clock;
};

/** A full disk is asked so often whether it has space for the record. */
const SAVE_AGAIN_MS = 5_000;

export class KeptRecord {
  #options: KeptRecordOptions;
  #record: AgentRecord;
  #isWritten = false;
  /** Why it could not be written the last time; null while it is. */
  #unwritten: string | null = null;
  #cancelSave: (() => void) | null = null;
  #isClosed = false;

  constructor(options: KeptRecordOptions) {
    this.#options = options;
    this.#record = options.record;
  }

  get now(): Readonly<AgentRecord> {
    return this.#record;
  }

  /** On disk with the next `save`. */
  note(change: Partial<AgentRecord>): void {
    const isSame = Object.entries(change).every(([key, value]) => this.#record[key as keyof AgentRecord] === value);
    if (isSame) return;
    this.#record = { ...this.#record, ...change };
    this.#isWritten = false;
  }

  /** False when it could not be written; tried again until it is: who rests has no event to wait for. */
  save(): boolean {
    if (this.#isWritten) return true;
    try {
      this.#options.write(this.#record);
      this.#isWritten = true;
      this.#unwritten = null;
      return true;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== this.#unwritten) this.#options.failed(reason);
      this.#unwritten = reason;
      this.#saveLater();
      return false;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelSave?.();
  }

  #saveLater(): void {
    if (this.#isClosed) return;
    this.#cancelSave ??= this.#options.clock.after(SAVE_AGAIN_MS, () => {
      this.#cancelSave = null;
      this.save();
    });
  }
}
