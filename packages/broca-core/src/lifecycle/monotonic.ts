/**
 * Time for durations within this process, in ms: steps of the wall clock do not reach it. It is not
 * `performance.now()`, whose module takes 4 ms to load at every start of every Broca.
 */
export function monotonicMs(): number {
  return process.uptime() * 1000;
}
