/** Whether the kernel kills for memory: a SIGKILL that nobody of ours sent is told apart by it. */
import { readFileSync } from 'node:fs';
import type { Clock } from '../worker/clock.ts';

/** A kill is counted when it is sent; the death it causes is seen within this time. */
const JUST_NOW_MS = 15_000;

export class KernelMemory {
  #clock: Clock;
  #read: () => string;
  #kills: number | null;
  #lastAt = Number.NEGATIVE_INFINITY;

  /** `read` gives what /proc/vmstat says: its line `oom_kill` counts the whole machine, every container's limit too (Linux 4.13). */
  constructor(clock: Clock, read: () => string = () => readFileSync('/proc/vmstat', 'utf8')) {
    this.#clock = clock;
    this.#read = read;
    this.#kills = this.#count();
  }

  /** Once in a while, so that a kill of long ago is not taken for one of just now. */
  look(): void {
    const kills = this.#count();
    if (kills !== null && this.#kills !== null && kills > this.#kills) this.#lastAt = this.#clock.now();
    this.#kills = kills;
  }

  hasJustKilled(): boolean {
    this.look();
    return this.#clock.now() - this.#lastAt < JUST_NOW_MS;
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
