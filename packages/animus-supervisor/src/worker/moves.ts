/** What rows of the table (step.ts) have in common: how a Broca is started, stopped, put to rest, and what its death means. */
import { EXIT, type Supervision } from 'animus-protocol';
import { type Death, deathOf, type Exit } from './death.ts';
import { decideRestart } from './restart-policy.ts';
import type { Effect, EventKind, SilenceSign, Step, StepContext, StopCause, WorkerEvent, WorkerState } from './state.ts';

/** After the stop deadline: SIGTERM, this long, then SIGKILL. */
export const TERMINATE_MS = 3_000;
/** SIGKILL is repeated, for what the kernel held when the first came. */
const KILL_AGAIN_MS = 5_000;
/** Who may run is asked again when nobody could tell. */
const LOOK_AGAIN_MS = 5_000;
/** An alarm this late says that this process or the machine slept: silence of others proves nothing then. */
export const CLOCK_GAP_MS = 2_000;

export type Of<K extends EventKind> = Extract<WorkerEvent, { kind: K }>;
type Move<K extends EventKind> = (state: WorkerState, event: Of<K>, context: StepContext) => Step;

export function go(state: WorkerState, change: Partial<WorkerState>, effects: Step['effects'] = []): Step {
  return { state: { ...state, ...change }, effects };
}

export const stay = (state: WorkerState): Step => go(state, {});
export const keepWanting = (state: WorkerState): Step => go(state, { wanted: 'running' });
export const keepFault = (state: WorkerState, event: Of<'files'>): Step => go(state, { fault: event.fault });

/** Of a process that is no more. */
const NOBODY = { linked: false, byHand: false, stop: null, healthySince: null, overSince: null } as const;

export const look = (state: WorkerState, change: Partial<WorkerState> = {}): Step =>
  go(state, { ...NOBODY, phase: 'waiting', alarmAt: null, ...change }, [{ kind: 'look' }]);
/** A person's wish starts with a clean slate. */
export const startAfresh = (state: WorkerState): Step => look(state, { wanted: 'running', deaths: [], reason: null });
/** Where nobody could tell who runs, a person has perhaps mended that; where it is being asked, the answer comes. */
export const askAtOnce = (state: WorkerState): Step => (state.alarmAt === null ? keepWanting(state) : startAfresh(state));
export const askLater = (state: WorkerState, { reason }: Of<'unsure'>, { now }: StepContext): Step =>
  go(state, { reason, alarmAt: now + LOOK_AGAIN_MS });

export function rest(state: WorkerState, reason: string | null): Step {
  return go(state, { ...NOBODY, phase: 'stopped', wanted: 'stopped', alarmAt: null, reason });
}

export function breakDown(state: WorkerState, reason: string): Step {
  return go(state, { ...NOBODY, phase: 'broken', alarmAt: null, reason });
}

export function start(state: WorkerState, { now, supervision }: StepContext): Step {
  if (state.fault !== null) return breakDown(state, state.fault);
  const alarmAt = now + supervision.startDeadlineMs;
  return go(state, { ...NOBODY, phase: 'starting', leaving: null, alarmAt }, [{ kind: 'spawn' }]);
}

/** Nothing runs any more and nobody asked for that. */
export function pauseAndRestart(state: WorkerState, reason: string, context: StepContext): Step {
  const { now, random, supervision } = context;
  const { deaths, pauseMs } = decideRestart(state.deaths, state.healthySince, { now, random, limits: supervision.restart });
  const after = { ...state, deaths, reason };
  if (pauseMs === null) return breakDown(after, giveUpReason(reason, supervision));
  if (pauseMs === 0) return start(after, context);
  return go(after, { ...NOBODY, phase: 'backing-off', leaving: null, alarmAt: now + pauseMs });
}

function giveUpReason(last: string, { restart }: Supervision): string {
  return `is left down after ${restart.giveUpAfter} deaths within ${restart.withinMs / 1000} s (supervisor.restart); the last: ${last}`;
}

function withDeath(death: Death, step: Step): Step {
  const note: Effect = { kind: 'note-death', death };
  return { state: step.state, effects: [note, ...step.effects] };
}

/** It ended, and no stop of ours was under way. */
export const died: Move<'exited'> = (state, { exit, words }, context) => {
  const isClean = exit.kind === 'exited' && exit.code === 0;
  if (state.leaving !== null && isClean && state.wanted === 'running') {
    return pauseAndRestart(state, `started anew: ${state.leaving}`, context);
  }
  const death = deathOf(exit);
  if (state.wanted === 'stopped') return withDeath(death, rest(state, death.how));
  const counted = { ...state, restarts: state.restarts + 1 };
  if (isMisconfigured(exit)) return withDeath(death, breakDown(state, words ?? 'its configuration cannot be used; see logs/output.log'));
  return withDeath(death, pauseAndRestart(counted, death.how, context));
};

function isMisconfigured(exit: Exit): boolean {
  return exit.kind === 'exited' && exit.code === EXIT.configuration;
}

/** A supervisor that starts finds out that it has died meanwhile: to it what any death would be, with those before it in mind. */
export const diedUnseen: Move<'none-found'> = (state, { last }, context) => {
  if (last === null) return state.wanted === 'stopped' ? rest(state, state.reason) : start(state, context);
  const death = deathOf(last);
  if (state.wanted === 'stopped') return withDeath(death, rest(state, death.how));
  return withDeath(death, pauseAndRestart({ ...state, restarts: state.restarts + 1 }, death.how, context));
};

/** Ask where a link stands, else SIGTERM: a Broca that has no socket yet cannot be asked. */
export function beginStop(state: WorkerState, cause: StopCause, reason: string | null, { now, supervision }: StepContext): Step {
  const base = { phase: 'stopping', reason, healthySince: null, overSince: null } as const;
  if (cause === 'watchdog' || cause === 'not-ready') {
    // A Broca somebody started by hand is theirs: it is shown as unhealthy, and asked about again.
    if (state.byHand) return go(state, { phase: 'unhealthy', healthySince: null, reason, alarmAt: now + supervision.watchdogMs });
    return go(state, { ...base, stop: { step: 'killed', cause }, alarmAt: now + KILL_AGAIN_MS }, [{ kind: 'kill' }]);
  }
  if (state.linked) {
    const effects = [{ kind: 'ask-stop', deadlineMs: supervision.stopDeadlineMs }] as const;
    return go(state, { ...base, stop: { step: 'asked', cause }, alarmAt: now + supervision.stopDeadlineMs }, effects);
  }
  return go(state, { ...base, stop: { step: 'terminated', cause }, alarmAt: now + TERMINATE_MS }, [{ kind: 'terminate' }]);
}

export const escalate: Move<'alarm'> = (state, _event, { now }) => {
  const cause = state.stop?.cause ?? 'asked';
  if (state.stop?.step === 'asked') {
    return go(state, { stop: { step: 'terminated', cause }, alarmAt: now + TERMINATE_MS }, [{ kind: 'terminate' }]);
  }
  return go(state, { stop: { step: 'killed', cause }, alarmAt: now + KILL_AGAIN_MS }, [{ kind: 'kill' }]);
};

/** The exit that a stop of ours waits for. How it came is the stop's doing, whatever the exit says of itself. */
export const stopEnded: Move<'exited'> = (state, { exit }, context) => {
  const cause = state.stop?.cause ?? 'asked';
  if (cause === 'asked' || cause === 'renewed') {
    return state.wanted === 'stopped' ? rest(state, sayHowItStopped(state, exit)) : start({ ...state, reason: null }, context);
  }
  const death: Death = { kind: cause, how: state.reason ?? 'was killed' };
  if (state.wanted === 'stopped') return withDeath(death, rest(state, death.how));
  return withDeath(death, pauseAndRestart({ ...state, restarts: state.restarts + 1 }, death.how, context));
};

/** Null where it stopped as it should. */
function sayHowItStopped({ stop }: WorkerState, exit: Exit): string | null {
  if (stop?.step === 'killed') return 'did not stop in time and was killed';
  const isAsIntended = exit.kind === 'unknown' || (exit.kind === 'exited' && exit.code === 0) || stop?.step === 'terminated';
  return isAsIntended ? null : `${deathOf(exit).how} while it was stopping`;
}

export const stopOnWish: Move<'want-stopped'> = (state, _event, context) =>
  beginStop({ ...state, wanted: 'stopped' }, 'asked', null, context);
export const restartOnWish: Move<'restart'> = (state, { reason }, context) =>
  beginStop({ ...state, wanted: 'running', deaths: [] }, 'asked', reason, context);

/** A new watch begins with the new times; a process that cannot go on as it is makes way for one that can. */
export const resupervise: Move<'supervision'> = (state, { renew }, context) => {
  const { now, supervision } = context;
  if (renew !== null && !state.byHand) return beginStop(state, 'renewed', renew, context);
  return go(state, { alarmAt: now + (state.phase === 'starting' ? supervision.startDeadlineMs : supervision.watchdogMs / 2) });
};

export function overslept(state: WorkerState, now: number): boolean {
  return state.alarmAt !== null && now - state.alarmAt > CLOCK_GAP_MS;
}

/** A Broca above its bound is told about at once, and stopped in good order when it stays there. */
export const weigh: Move<'memory'> = (state, { bytes }, context) => {
  const { memoryBytes, memoryGraceMs } = context.supervision;
  if (memoryBytes === null || bytes <= memoryBytes) {
    return state.overSince === null ? stay(state) : go(state, { overSince: null, reason: null });
  }
  const overSince = state.overSince ?? context.now;
  const held = `holds ${megabytes(bytes)}, more than the ${megabytes(memoryBytes)} it may`;
  if (state.byHand || context.now - overSince < memoryGraceMs) return go(state, { overSince, reason: held });
  const reason = `held ${megabytes(bytes)} for ${seconds(memoryGraceMs)}, more than the ${megabytes(memoryBytes)} it may`;
  return beginStop({ ...state, overSince }, 'memory-limit', reason, context);
};

const megabytes = (bytes: number): string => `${Math.round(bytes / (1024 * 1024))} MB`;
const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;

export const becomeReady = (state: WorkerState, _event: unknown, { now, supervision }: StepContext): Step =>
  go(state, { phase: 'ready', reason: null, healthySince: now, alarmAt: now + supervision.watchdogMs / 2 });

/** Deaths are forgiven as soon as they may be, not at the next one: the record must not tell a later supervisor of them. */
export const stayReady: Move<'beat'> = (state, _event, { now, supervision }) => {
  const isForgiven = state.healthySince !== null && now - state.healthySince >= supervision.restart.forgivenAfterMs;
  return go(state, {
    alarmAt: now + supervision.watchdogMs / 2,
    deaths: isForgiven && state.deaths.length > 0 ? [] : state.deaths,
  });
};

/** Half the time of the watchdog has passed without a beat. */
export const becomeUnhealthy: Move<'alarm'> = (state, { sign }, { now, supervision: { watchdogMs } }) => {
  if (overslept(state, now)) return go(state, { alarmAt: now + watchdogMs / 2 });
  const reason = `has been silent for ${seconds(watchdogMs / 2)}${explain(sign)}`;
  return go(state, { phase: 'unhealthy', healthySince: null, reason, alarmAt: now + watchdogMs / 2 });
};

export const endSilence: Move<'alarm'> = (state, { sign }, context) => {
  const { watchdogMs } = context.supervision;
  if (overslept(state, context.now)) return go(state, { alarmAt: context.now + watchdogMs / 2 });
  return beginStop(state, 'watchdog', `was silent for ${seconds(watchdogMs)} and was killed${explain(sign)}`, context);
};

function explain(sign: SilenceSign | null): string {
  switch (sign) {
    case 'stopped':
      return ': a signal had stopped it (SIGSTOP)';
    case 'busy':
      return ': its event loop is blocked, it computes';
    case 'disk':
      return ': it waits for a disk';
    case null:
      return '';
  }
}
