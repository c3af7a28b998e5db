/**
 * When Broca beats: every few seconds, and soon after something changed. The delay of the regular beat tells how long
 * the event loop was blocked; a finer measure would wake the process. Its loops are told here too to look for what
 * other processes changed: timers of their own would wake an idle Broca for each.
 */
import { BEAT_INTERVAL_MS } from 'animus-protocol';
import { monotonicMs } from './monotonic.ts';

/** Health is this late at most about a turn that was parked; a Broca in full work beats as often and no more. */
const SOON_MS = 250;

export class Pulse {
  /** Delay of the event loop at the last regular beat, in ms. */
  delayMs = 0;
  #dueAt = 0;
  #beat: () => void = () => undefined;
  #timer: NodeJS.Timeout | null = null;
  #lookTimer: NodeJS.Timeout | null = null;
  #soon: NodeJS.Timeout | null = null;

  /** `lookEveryMs` is asked each time: settings may change it. */
  start(beat: () => void, look: () => void, lookEveryMs: () => number): void {
    const lookLater = (): void => {
      this.#lookTimer = setTimeout(() => {
        lookLater();
        look();
      }, lookEveryMs());
    };
    lookLater();
    this.#beat = beat;
    this.#dueAt = monotonicMs() + BEAT_INTERVAL_MS;
    this.#timer = setInterval(() => {
      this.delayMs = Math.max(0, Math.round(monotonicMs() - this.#dueAt));
      this.#dueAt = monotonicMs() + BEAT_INTERVAL_MS;
      beat();
    }, BEAT_INTERVAL_MS);
  }

  /** Beats in a moment, once for all that changes until then. */
  soon(): void {
    if (this.#timer === null) return;
    this.#soon ??= setTimeout(() => {
      this.#soon = null;
      this.#beat();
    }, SOON_MS);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    if (this.#lookTimer !== null) clearTimeout(this.#lookTimer);
    if (this.#soon !== null) clearTimeout(this.#soon);
    this.#timer = null;
  }
}
