/**
 * Notices that the wall clock was set back. What was due at an instant of the old time would wait until the
 * clock comes there again, an hour for a clock that was an hour ahead: so all that waits is set back with it.
 */

/** Smaller steps back are the doing of time synchronisation, and cost as little as they are. */
const SMALLEST_STEP_MS = 1_000;

export class ClockWatch {
  #last: number;

  /** `known`: an instant that has passed, as far as is stored; the clock may have been set back between two processes. */
  constructor(known: number) {
    this.#last = known;
  }

  /** By how much the clock was set back since the last look, in ms; 0 when it was not. */
  look(now: number): number {
    const backMs = this.#last - now;
    this.#last = now;
    return backMs >= SMALLEST_STEP_MS ? backMs : 0;
  }
}
