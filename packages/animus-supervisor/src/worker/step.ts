/**
 * A worker's life as one table, phase × event → phase + effects. Pure: perform.ts does the effects and
 * feeds what happens back in. What is wanted is kept apart from what is.
 *
 *                 found ┌──────────────────────────────────────┐
 *   waiting ────────────┤                                      ▼
 *      │ none-found     └──► starting ──ready──► ready ◄──beat── unhealthy
 *      │ (looks first)        ▲   │ exit          │ ▲  link lost,  │
 *      │                      │   ▼               │ └─ beat late ──┘
 *      │           at once ┌──┴─ died ◄───exit────┤                │ watchdog: kill
 *      │                   │     │ pause          │ stop           ▼
 *      ◄──────── alarm ── backing-off             └──────────► stopping ──exit──► stopped
 *      │                   exit 78 │ fault                        │ wanted running: as after a death,
 *      ◄── files, start ── broken ◄┘                              └ or at once when a restart was asked
 *
 * A process lives only in starting, ready, unhealthy and stopping, and these end in an `exited` alone.
 */
import { EXIT, type Phase, type Supervision } from 'animus-protocol';
import { decideRestart } from './restart-policy.ts';
import { describeExit, type EventKind, type Exit, type Step, type StopCause, type WorkerEvent, type WorkerState } from './state.ts';

export type StepContext = { now: number; random: number; supervision: Supervision };

/** After the stop deadline: SIGTERM, this long, then SIGKILL. */
export const TERMINATE_MS = 3_000;
/** SIGKILL is repeated, for what the kernel held when the first came. */
const KILL_AGAIN_MS = 5_000;
/** Who may run is asked again when nobody could tell. */
const LOOK_AGAIN_MS = 5_000;
/** An alarm this late says that this process or the machine slept: silence of others proves nothing then. */
export const CLOCK_GAP_MS = 2_000;

type Of<K extends EventKind> = Extract<WorkerEvent, { kind: K }>;
type Transition<K extends EventKind> = (state: WorkerState, event: Of<K>, context: StepContext) => Step;
type Row = { readonly [K in EventKind]: Transition<K> };

export function firstState(wanted: WorkerState['wanted'], restarts: number): Step {
  return go(
    {
      phase: 'waiting',
      wanted,
      alarmAt: null,
      reason: null,
      fault: null,
      linked: false,
      byHand: false,
      healthySince: null,
      deaths: [],
      restarts,
      leaving: null,
      stop: null,
    },
    {},
    [{ kind: 'look' }],
  );
}

export function step(state: WorkerState, event: WorkerEvent, context: StepContext): Step {
  // The table's rows are typed by kind; a lookup by a kind known only here loses that pairing, not its truth.
  const transition = TABLE[state.phase][event.kind] as Transition<EventKind>;
  return transition(state, event, context);
}

function go(state: WorkerState, change: Partial<WorkerState>, effects: Step['effects'] = []): Step {
  return { state: { ...state, ...change }, effects };
}

const stay = (state: WorkerState): Step => go(state, {});
const keepWanting = (state: WorkerState): Step => go(state, { wanted: 'running' });
const keepFault = (state: WorkerState, event: Of<'files'>): Step => go(state, { fault: event.fault });
const look = (state: WorkerState, change: Partial<WorkerState> = {}): Step =>
  go(state, { phase: 'waiting', alarmAt: null, linked: false, byHand: false, stop: null, healthySince: null, ...change }, [
    { kind: 'look' },
  ]);
/** Where nobody could tell who runs, a person has perhaps mended that; where it is being asked, the answer comes. */
const askAtOnce = (state: WorkerState): Step => (state.alarmAt === null ? keepWanting(state) : startAfresh(state));
/** A person's wish starts with a clean slate. */
const startAfresh = (state: WorkerState): Step => look(state, { wanted: 'running', deaths: [], reason: null });
const rest = (state: WorkerState, reason: string | null): Step =>
  go(state, { phase: 'stopped', wanted: 'stopped', alarmAt: null, linked: false, byHand: false, stop: null, healthySince: null, reason });

function start(state: WorkerState, { now, supervision }: StepContext): Step {
  if (state.fault !== null) return breakDown(state, state.fault);
  const change = { linked: false, byHand: false, stop: null, leaving: null, healthySince: null };
  return go(state, { ...change, phase: 'starting', alarmAt: now + supervision.startDeadlineMs }, [{ kind: 'spawn' }]);
}

function breakDown(state: WorkerState, reason: string): Step {
  return go(state, { phase: 'broken', alarmAt: null, linked: false, byHand: false, stop: null, healthySince: null, reason });
}

/** Nothing runs any more and nobody asked for that. */
function pauseAndRestart(state: WorkerState, reason: string, counts: number, context: StepContext): Step {
  const { deaths, pauseMs } = decideRestart(state.deaths, state.healthySince, context.now, context.random);
  const after = { ...state, deaths, restarts: state.restarts + counts, reason };
  if (pauseMs === 0) return start(after, context);
  const change = { linked: false, byHand: false, stop: null, leaving: null, healthySince: null };
  return go(after, { ...change, phase: 'backing-off', alarmAt: context.now + pauseMs });
}

function died(state: WorkerState, event: Of<'exited'>, context: StepContext): Step {
  if (state.wanted === 'stopped') return rest(state, describeExit(event.exit));
  if (state.leaving !== null && event.exit.kind === 'exited' && event.exit.code === 0) {
    return pauseAndRestart(state, `started anew: ${state.leaving}`, 0, context);
  }
  if (isMisconfigured(event.exit)) return breakDown(state, event.words ?? 'its configuration cannot be used; see logs/output.log');
  return pauseAndRestart(state, describeExit(event.exit), 1, context);
}

function isMisconfigured(exit: Exit): boolean {
  return exit.kind === 'exited' && exit.code === EXIT.configuration;
}

/** Ask where a link stands, else SIGTERM: a Broca that has no socket yet cannot be asked. */
function beginStop(state: WorkerState, cause: StopCause, reason: string | null, { now, supervision }: StepContext): Step {
  const base = { phase: 'stopping', reason, healthySince: null } as const;
  if (cause === 'watchdog') {
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

function escalate(state: WorkerState, _event: Of<'alarm'>, { now }: StepContext): Step {
  const cause = state.stop?.cause ?? 'asked';
  if (state.stop?.step === 'asked') {
    return go(state, { stop: { step: 'terminated', cause }, alarmAt: now + TERMINATE_MS }, [{ kind: 'terminate' }]);
  }
  return go(state, { stop: { step: 'killed', cause }, alarmAt: now + KILL_AGAIN_MS }, [{ kind: 'kill' }]);
}

function stopEnded(state: WorkerState, _event: Of<'exited'>, context: StepContext): Step {
  if (state.wanted === 'stopped') return rest(state, null);
  if (state.stop?.cause === 'watchdog') return pauseAndRestart(state, state.reason ?? 'was silent', 1, context);
  return start({ ...state, reason: null }, context);
}

const stopOnWish: Transition<'want-stopped'> = (state, _event, context) =>
  beginStop({ ...state, wanted: 'stopped' }, 'asked', null, context);
const restartOnWish: Transition<'restart'> = (state, event, context) =>
  beginStop({ ...state, wanted: 'running', deaths: [] }, 'asked', event.reason, context);

function overslept(state: WorkerState, now: number): boolean {
  return state.alarmAt !== null && now - state.alarmAt > CLOCK_GAP_MS;
}

const leave = (state: WorkerState, event: Of<'leaving'>): Step => go(state, { leaving: event.reason });

function becomeReady(state: WorkerState, _event: unknown, { now, supervision }: StepContext): Step {
  return go(state, { phase: 'ready', reason: null, healthySince: now, alarmAt: now + supervision.watchdogMs / 2 });
}

const isLive: Pick<Row, 'found' | 'none-found' | 'unsure' | 'files' | 'hello' | 'leaving'> = {
  found: stay,
  'none-found': stay,
  unsure: stay,
  files: keepFault,
  hello: (state) => go(state, { linked: true }),
  leaving: leave,
};
const isNot: Pick<
  Row,
  'found' | 'none-found' | 'unsure' | 'spawn-failed' | 'hello' | 'ready' | 'beat' | 'leaving' | 'link-lost' | 'exited'
> = {
  found: stay,
  'none-found': stay,
  unsure: stay,
  'spawn-failed': stay,
  hello: stay,
  ready: stay,
  beat: stay,
  leaving: stay,
  'link-lost': stay,
  exited: stay,
};

const TABLE: Record<Phase, Row> = {
  // Who runs here is being asked; nothing is started before that is known.
  waiting: {
    ...isNot,
    'want-running': askAtOnce,
    'want-stopped': (state) => go(state, { wanted: 'stopped' }),
    restart: askAtOnce,
    files: keepFault,
    found: (state, { byHand }, context) => {
      const adopted = go(state, { phase: 'starting', byHand, linked: false, alarmAt: context.now + context.supervision.watchdogMs });
      return state.wanted === 'running' || byHand ? adopted : beginStop(adopted.state, 'asked', null, context);
    },
    'none-found': (state, { last }, context) => {
      const reason = last === null ? state.reason : describeExit(last);
      if (state.wanted === 'stopped') return rest(state, reason);
      return start({ ...state, reason, restarts: state.restarts + (last === null ? 0 : 1) }, context);
    },
    unsure: (state, { reason }, { now }) => go(state, { reason, alarmAt: now + LOOK_AGAIN_MS }),
    alarm: (state) => look(state),
  },
  starting: {
    ...isLive,
    'want-running': keepWanting,
    'want-stopped': stopOnWish,
    restart: restartOnWish,
    'spawn-failed': (state, { reason, isLasting }, context) => {
      if (state.wanted === 'stopped') return rest(state, reason);
      return isLasting ? breakDown(state, reason) : pauseAndRestart(state, reason, 0, context);
    },
    ready: becomeReady,
    beat: (state, _event, { now, supervision }) => go(state, { alarmAt: Math.max(state.alarmAt ?? 0, now + supervision.watchdogMs) }),
    'link-lost': (state) => go(state, { linked: false }),
    exited: died,
    alarm: (state, _event, context) => {
      if (overslept(state, context.now)) return go(state, { alarmAt: context.now + context.supervision.watchdogMs });
      return beginStop(state, 'watchdog', 'did not become ready in time', context);
    },
  },
  ready: {
    ...isLive,
    'want-running': keepWanting,
    'want-stopped': stopOnWish,
    restart: restartOnWish,
    'spawn-failed': stay,
    ready: stay,
    beat: (state, _event, { now, supervision }) => go(state, { alarmAt: now + supervision.watchdogMs / 2 }),
    // A lost link is a question, not a death: the alarm runs on and decides.
    'link-lost': (state, { reason }, { supervision }) =>
      go(state, {
        phase: 'unhealthy',
        linked: false,
        healthySince: null,
        reason,
        alarmAt: (state.alarmAt ?? 0) + supervision.watchdogMs / 2,
      }),
    exited: died,
    alarm: (state, _event, { now, supervision }) => {
      if (overslept(state, now)) return go(state, { alarmAt: now + supervision.watchdogMs / 2 });
      const reason = `has been silent for ${Math.round(supervision.watchdogMs / 2000)} s`;
      return go(state, { phase: 'unhealthy', healthySince: null, reason, alarmAt: now + supervision.watchdogMs / 2 });
    },
  },
  unhealthy: {
    ...isLive,
    'want-running': keepWanting,
    'want-stopped': stopOnWish,
    restart: restartOnWish,
    'spawn-failed': stay,
    ready: becomeReady,
    beat: becomeReady,
    'link-lost': (state) => go(state, { linked: false }),
    exited: died,
    alarm: (state, _event, context) => {
      if (overslept(state, context.now)) return go(state, { alarmAt: context.now + context.supervision.watchdogMs / 2 });
      return beginStop(state, 'watchdog', `was silent for ${Math.round(context.supervision.watchdogMs / 1000)} s and was killed`, context);
    },
  },
  stopping: {
    ...isLive,
    'want-running': keepWanting,
    'want-stopped': (state) => go(state, { wanted: 'stopped' }),
    restart: keepWanting,
    'spawn-failed': (state, { reason }, context) => (state.wanted === 'stopped' ? rest(state, reason) : start(state, context)),
    ready: stay,
    beat: stay,
    'link-lost': (state) => go(state, { linked: false }),
    exited: stopEnded,
    alarm: escalate,
  },
  'backing-off': {
    ...isNot,
    'want-running': startAfresh,
    'want-stopped': (state) => rest(state, state.reason),
    restart: startAfresh,
    files: (state, { fault }) => look(state, { fault, deaths: [] }),
    alarm: (state) => look(state),
  },
  broken: {
    ...isNot,
    'want-running': startAfresh,
    'want-stopped': (state) => rest(state, state.reason),
    restart: startAfresh,
    files: (state, { fault }) => (fault === null ? look(state, { fault, deaths: [] }) : go(state, { fault, reason: fault })),
    alarm: stay,
  },
  stopped: {
    ...isNot,
    'want-running': startAfresh,
    'want-stopped': stay,
    restart: startAfresh,
    files: keepFault,
    alarm: stay,
  },
};
