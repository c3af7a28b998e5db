/** Whether the kernel kills for memory: a SIGKILL that nobody of ours sent is told apart by it. */
import { readFileSync } from 'node:fs';
import type { Clock } from '../worker/clock.ts';

/** A kill is counted when it is sent; the death it causes is seen within this time. */
const JUST_NOW_MS = 3_000;

export class KernelMemory {
  #clock: Clock;
  #read: () => string;
  #kills: number | null;
  /** Those of just now that have explained no death of ours yet. */
  #unexplained = 0;
  #lastAt = Number.NEGATIVE_INFINITY;

  /** `read` gives what /proc/vmstat says: its line `oom_kill` counts the whole machine, every container's limit too (Linux 4.13). */
  constructor(clock: Clock, read: () => string = () => readFileSync('/proc/vmstat', 'utf8')) {
    this.#clock = clock;
    this.#read = read;
    this.#kills = this.#count();
  }

  /** Once in a while, so that a kill of long ago is not taken for one of just now. */
  look(): void {
    const [kills, now] = [this.#count(), this.#clock.now()];
    if (now - this.#lastAt >= JUST_NOW_MS) this.#unexplained = 0;
    if (kills !== null && this.#kills !== null && kills > this.#kills) {
      this.#unexplained += kills - this.#kills;
      this.#lastAt = now;
    }
    this.#kills = kills;
  }

  /** Whether it killed somebody just now who may be the one that was found dead. One kill explains one death. */
  explainsDeath(): boolean {
    this.look();
    if (this.#unexplained === 0) return false;
    this.#unexplained -= 1;
    return true;
  }

  /** Null where the kernel does not tell. */
  #count(): number | null {
    try {
      const found = /^oom_kill (\d+)$/m.exec(this.#read());
      return found === null ? null : Number(found[1]);
    } catch {
      return null;
    }
  }
}
