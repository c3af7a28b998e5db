/** Time as the supervisor sees it. Monotonic, so that a clock that is set moves no deadline. Tests bring their own. */
export type Clock = {
  /** Monotonic ms; comparable only with itself. */
  now(): number;
  /** Calls once after at least `ms`; what it returns cancels. */
  after(ms: number, call: () => void): () => void;
};

/** A setTimeout beyond this fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Waits of some length end together at the next multiple of `SLOT_MS`: the watches of fifty agents wake the process once. */
const LONG_WAIT_MS = 2_000;
const SLOT_MS = 500;

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, Math.min(Math.max(0, ms < LONG_WAIT_MS ? ms : untilSlot(ms)), LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  },
};

function untilSlot(ms: number): number {
  const now = performance.now();
  return Math.ceil((now + ms) / SLOT_MS) * SLOT_MS - now;
}
