/** The timer of heartbeats. Its own delay tells how long the event loop was blocked; a finer measure would wake the process. */
import { BEAT_INTERVAL_MS } from 'animus-protocol';
import { monotonicMs } from './monotonic.ts';

export class Pulse {
  /** Delay of the event loop at the last beat, in ms. */
  delayMs = 0;
  #dueAt = 0;
  #timer: NodeJS.Timeout | null = null;

  start(beat: () => void): void {
    this.#dueAt = monotonicMs() + BEAT_INTERVAL_MS;
    this.#timer = setInterval(() => {
      this.delayMs = Math.max(0, Math.round(monotonicMs() - this.#dueAt));
      this.#dueAt = monotonicMs() + BEAT_INTERVAL_MS;
      beat();
    }, BEAT_INTERVAL_MS);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }
}
