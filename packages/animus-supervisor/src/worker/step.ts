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
 *      │                   │     │ pause          │ stop, memory   ▼
 *      ◄──────── alarm ── backing-off             └──────────► stopping ──exit──► stopped
 *      │                exit 78, fault,                             │ wanted running: as after a death,
 *      ◄── files, start ── broken ◄── died too often                └ or at once when a restart was asked
 *
 * A process lives only in starting, ready, unhealthy and stopping, and these end in an `exited` alone.
 * What several rows do alike is in moves.ts.
 */
import type { Phase } from 'animus-protocol';
import {
  askAtOnce,
  askLater,
  becomeReady,
  becomeUnhealthy,
  beginStop,
  breakDown,
  died,
  diedUnseen,
  endSilence,
  escalate,
  go,
  keepFault,
  keepWanting,
  look,
  type Of,
  overslept,
  pauseAndRestart,
  rest,
  restartOnWish,
  resupervise,
  start,
  startAfresh,
  stay,
  stayReady,
  stopEnded,
  stopOnWish,
  weigh,
} from './moves.ts';
import type { EventKind, Step, StepContext, WorkerEvent, WorkerState } from './state.ts';

type Transition<K extends EventKind> = (state: WorkerState, event: Of<K>, context: StepContext) => Step;
type Row = { readonly [K in EventKind]: Transition<K> };

/** `deaths`: those that a former supervisor saw and that still count. */
export function firstState({ wanted, restarts, deaths }: Pick<WorkerState, 'wanted' | 'restarts' | 'deaths'>): Step {
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
      overSince: null,
      deaths,
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

/** Where a process lives: who runs is known, and a wish concerns the one that does. */
const isLive: Pick<
  Row,
  | 'found'
  | 'none-found'
  | 'unsure'
  | 'files'
  | 'hello'
  | 'leaving'
  | 'link-lost'
  | 'want-running'
  | 'want-stopped'
  | 'restart'
  | 'supervision'
  | 'memory'
  | 'spawn-failed'
  | 'exited'
> = {
  found: stay,
  'none-found': stay,
  unsure: stay,
  files: keepFault,
  hello: (state) => go(state, { linked: true }),
  leaving: (state, { reason }) => go(state, { leaving: reason }),
  'link-lost': (state) => go(state, { linked: false }),
  'want-running': keepWanting,
  'want-stopped': stopOnWish,
  restart: restartOnWish,
  supervision: resupervise,
  memory: weigh,
  'spawn-failed': stay,
  exited: died,
};
/** Where none does: what a process could say comes too late. */
const isNot: Pick<
  Row,
  | 'found'
  | 'none-found'
  | 'unsure'
  | 'spawn-failed'
  | 'hello'
  | 'ready'
  | 'beat'
  | 'leaving'
  | 'link-lost'
  | 'memory'
  | 'exited'
  | 'supervision'
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
  memory: stay,
  exited: stay,
  supervision: stay,
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
      const alarmAt = context.now + context.supervision.watchdogMs;
      const adopted = go(state, { phase: 'starting', byHand, linked: false, reason: null, alarmAt });
      return state.wanted === 'running' || byHand ? adopted : beginStop(adopted.state, 'asked', null, context);
    },
    'none-found': diedUnseen,
    unsure: askLater,
    alarm: (state) => look(state),
  },
  starting: {
    ...isLive,
    'spawn-failed': (state, { reason, isLasting }, context) => {
      if (state.wanted === 'stopped') return rest(state, reason);
      return isLasting ? breakDown(state, reason) : pauseAndRestart(state, reason, context);
    },
    ready: becomeReady,
    beat: (state, _event, { now, supervision }) => go(state, { alarmAt: Math.max(state.alarmAt ?? 0, now + supervision.watchdogMs) }),
    alarm: (state, _event, context) => {
      if (overslept(state, context.now)) return go(state, { alarmAt: context.now + context.supervision.watchdogMs });
      return beginStop(state, 'not-ready', 'did not become ready in time and was killed', context);
    },
  },
  ready: {
    ...isLive,
    ready: stay,
    beat: stayReady,
    // A lost link is a question, not a death: the alarm runs on and decides.
    'link-lost': (state, { reason }, { now, supervision }) =>
      go(state, {
        phase: 'unhealthy',
        linked: false,
        healthySince: null,
        reason,
        alarmAt: (state.alarmAt ?? now) + supervision.watchdogMs / 2,
      }),
    alarm: becomeUnhealthy,
  },
  unhealthy: {
    ...isLive,
    ready: becomeReady,
    beat: becomeReady,
    alarm: endSilence,
  },
  stopping: {
    ...isLive,
    'want-stopped': (state) => go(state, { wanted: 'stopped' }),
    restart: keepWanting,
    supervision: stay,
    memory: stay,
    'spawn-failed': (state, { reason }, context) => (state.wanted === 'stopped' ? rest(state, reason) : start(state, context)),
    ready: stay,
    beat: stay,
    exited: stopEnded,
    alarm: escalate,
  },
  'backing-off': {
    ...isNot,
    'want-running': startAfresh,
    'want-stopped': (state) => rest(state, state.reason),
    restart: startAfresh,
    files: (state, { fault }) => look(state, { fault, deaths: [] }),
    supervision: (state, _event, { now, supervision }) =>
      go(state, { alarmAt: Math.min(state.alarmAt ?? now, now + supervision.restart.longestPauseMs) }),
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
