/** Time as the supervisor sees it. Monotonic, so that a clock that is set moves no deadline. Tests bring their own. */
export type Clock = {
  /** Monotonic ms; comparable only with itself. */
  now(): number;
  /** Calls once after at least `ms`; what it returns cancels. */
  after(ms: number, call: () => void): () => void;
};

/** A setTimeout beyond this fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, Math.min(Math.max(0, ms), LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  },
};
