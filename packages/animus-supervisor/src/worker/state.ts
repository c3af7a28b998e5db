/** The words of a worker's life: its phases, what can happen to it, and what may be done about it. step.ts is the table. */
import type { Phase, Supervision, Wanted } from 'animus-protocol';
import type { Death, Exit } from './death.ts';

/** Why it is being stopped. `watchdog`, `not-ready` and `memory-limit` are deaths; the others nobody's fault. */
export type StopCause = 'asked' | 'renewed' | 'watchdog' | 'not-ready' | 'memory-limit';

export type WorkerState = {
  phase: Phase;
  wanted: Wanted;
  /** When the event `alarm` is due (monotonic, ms), or null. What it means depends on the phase. */
  alarmAt: number | null;
  /** What a person should know about the phase, or about the last death. */
  reason: string | null;
  /** Why its files forbid a start (a copied folder, for example), or null. */
  fault: string | null;
  /** True while the worker link stands. */
  linked: boolean;
  /** Somebody else started it; it is shown, stopped on demand, never killed by us unasked. */
  byHand: boolean;
  /** Since when it is ready without a break (monotonic, ms). */
  healthySince: number | null;
  /** Since when it holds more memory than it may (monotonic, ms). */
  overSince: number | null;
  /** Deaths that still count for the next pause (restart-policy.ts). */
  deaths: readonly number[];
  /** All deaths nobody asked for. */
  restarts: number;
  /** Why Broca said it stops by itself (its configuration needs a new process), or null. */
  leaving: string | null;
  /** How far a stop has gone; null outside `stopping`. */
  stop: { step: 'asked' | 'terminated' | 'killed'; cause: StopCause } | null;
};

/** What the kernel says of a silent process: it was stopped by a signal, it computes, it waits for a disk. */
export type SilenceSign = 'stopped' | 'busy' | 'disk';

export type WorkerEvent =
  /** A person, or the home, wants it to run. */
  | { kind: 'want-running' }
  | { kind: 'want-stopped' }
  | { kind: 'restart'; reason: string }
  /** Its files were read anew; `fault` is why they forbid a start. */
  | { kind: 'files'; fault: string | null }
  /** animus.config.json says something else of it; `renew` is why the process that runs cannot go on, or null. */
  | { kind: 'supervision'; renew: string | null }
  /** Looked for a Broca that runs already: there is one; there is none; nobody can tell. */
  | { kind: 'found'; byHand: boolean }
  | { kind: 'none-found'; last: Exit | null }
  | { kind: 'unsure'; reason: string }
  /** `isLasting`: nothing but a change of its files helps (there is no release to run). */
  | { kind: 'spawn-failed'; reason: string; isLasting: boolean }
  | { kind: 'hello' }
  | { kind: 'ready' }
  | { kind: 'beat' }
  | { kind: 'leaving'; reason: string }
  | { kind: 'link-lost'; reason: string }
  /** What its process holds now. */
  | { kind: 'memory'; bytes: number }
  /** Its whole process group is gone. `words` is what it said last, given only when it is fit to show. */
  | { kind: 'exited'; exit: Exit; words: string | null }
  /** `sign` is asked of the kernel for one that has been silent, null where it says nothing of use. */
  | { kind: 'alarm'; sign: SilenceSign | null };
export type EventKind = WorkerEvent['kind'];

export type Effect =
  /** Find out whether a Broca runs here already; answered by found, none-found or unsure. */
  | { kind: 'look' }
  | { kind: 'spawn' }
  | { kind: 'ask-stop'; deadlineMs: number }
  | { kind: 'terminate' }
  | { kind: 'kill' }
  /** Nobody asked for its end: keep, count and tell why it ended. */
  | { kind: 'note-death'; death: Death };

export type Step = { state: WorkerState; effects: readonly Effect[] };

export type StepContext = { now: number; random: number; supervision: Supervision };

/** Phases in which a process of ours may be alive. */
export function hasProcess(phase: Phase): boolean {
  return phase === 'starting' || phase === 'ready' || phase === 'unhealthy' || phase === 'stopping';
}
