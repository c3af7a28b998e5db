/**
 * How the supervisor runs an agent: the words of `supervisor` in animus.config.json, which hold for all agents, and of
 * `agents.<id>`, which go first for that one. Only the home's own file says them: an agent can write its folder, and
 * must not loosen its own bounds.
 */
import * as v from 'valibot';
import { oneOf, orForEver, type Range, wholeNumber, yesOrNo } from './settings.ts';
import type { KnownKeys } from './settings-file.ts';
import { addedEnvironment, NODE_OPTIONS_PATTERN, refuseNodeOptions } from './supervision-launch.ts';

/** off: no sandbox · auto: the best that this machine allows · require: that, or it does not start. */
export type IsolationWish = 'off' | 'auto' | 'require';
export const ISOLATION_WISHES: readonly IsolationWish[] = ['off', 'auto', 'require'];

export type RestartLimits = {
  /** Longest pause before a Broca that dies again and again is started once more. */
  longestPauseMs: number;
  /** Health that makes all earlier deaths forgotten. */
  forgivenAfterMs: number;
  /** After so many deaths within `withinMs`, none forgiven in between, it is left down until it is left down until a person or a changed file says otherwise. null: never. */
  giveUpAfter: number | null;
  withinMs: number;
};

export type Supervision = {
  autostart: boolean;
  /** Resident memory that a Broca may hold for good. null: no bound. */
  memoryBytes: number | null;
  /** How long it may be above that. */
  memoryGraceMs: number;
  /** Processes and threads that a Broca and all it started may be at once. null: no bound. */
  processes: number | null;
  /** How long a Broca may take to become ready; each sign of life on the way extends it. */
  startDeadlineMs: number;
  /** How long a Broca may take to stop before its tree is killed. */
  stopDeadlineMs: number;
  /** How long a Broca may be silent before it is held to be hung. */
  watchdogMs: number;
  /** How long a release that is tried out must have stood, shut, before the beat that decides for it. */
  probationMs: number;
  restart: RestartLimits;
  /** Added to a Broca's environment; null takes one away that it would have. */
  environment: Readonly<Record<string, string | null>>;
  /** Of Node's and V8's options, those that change nothing of what runs and what it may touch. */
  nodeOptions: readonly string[];
  isolation: IsolationWish;
  /** Name or number of the user it runs as; only root can say so. null: as the supervisor does. */
  user: string | null;
};

/** The same as it is written. */
export type SupervisionFile = {
  autostart?: boolean;
  memory_megabytes?: number | null;
  memory_grace?: number;
  processes?: number | null;
  start_deadline?: number;
  stop_deadline?: number;
  watchdog?: number;
  probation?: number;
  restart?: { longest_pause?: number; forgiven_after?: number; give_up_after?: number | null; within?: number };
  environment?: Record<string, string | null>;
  node_options?: string;
  isolation?: IsolationWish;
  user?: string | null;
};

/** Below this a Broca without a message in hand has no room (60 MB, measured). */
const MEMORY: Range = { lowest: 96, highest: 1_000_000, unit: 'megabytes' };
const MEMORY_GRACE: Range = { lowest: 0, highest: 3600, unit: 'seconds' };
/** A Broca is some 10 threads, and two processes that shut it in. */
const PROCESSES: Range = { lowest: 32, highest: 1_000_000, unit: 'processes' };
const START_DEADLINE: Range = { lowest: 10, highest: 3600, unit: 'seconds' };
/** Ten minutes: a turn that runs is resumable, so waiting longer helps nobody. */
const STOP_DEADLINE: Range = { lowest: 1, highest: 600, unit: 'seconds' };
/** At least two beats (worker-link.ts) must be missed. */
const WATCHDOG: Range = { lowest: 10, highest: 3600, unit: 'seconds' };
/** Messages wait for as long as this. */
const PROBATION: Range = { lowest: 0, highest: 600, unit: 'seconds' };
const LONGEST_PAUSE: Range = { lowest: 1, highest: 3600, unit: 'seconds' };
const FORGIVEN_AFTER: Range = { lowest: 1, highest: 86_400, unit: 'seconds' };
const GIVE_UP_AFTER: Range = { lowest: 1, highest: 100, unit: 'deaths' };
const WITHIN: Range = { lowest: 1, highest: 86_400, unit: 'seconds' };

export const DEFAULT_SUPERVISION: Supervision = {
  autostart: true,
  memoryBytes: null,
  memoryGraceMs: 30_000,
  processes: 256,
  startDeadlineMs: 60_000,
  stopDeadlineMs: 30_000,
  watchdogMs: 30_000,
  // Less than one beat's interval (worker-link.ts), so that the first regular one decides: 5 s after it is ready.
  probationMs: 4_000,
  restart: { longestPauseMs: 60_000, forgivenAfterMs: 60_000, giveUpAfter: null, withinMs: 600_000 },
  environment: {},
  nodeOptions: [],
  isolation: 'auto',
  user: null,
};
const MEGABYTE = 1024 * 1024;

const SECTION = 'write an object: { … }';

const USER = 'write the name or the number of a user in quotes, or null';
const restart = v.object(
  {
    longest_pause: v.exactOptional(
      wholeNumber(LONGEST_PAUSE, 'Longest pause before a Broca that dies again and again is started once more, in seconds. Default: 60.'),
    ),
    forgiven_after: v.exactOptional(
      wholeNumber(FORGIVEN_AFTER, 'Seconds of health after which earlier deaths count no more. Default: 60.'),
    ),
    give_up_after: v.exactOptional(
      orForEver(
        GIVE_UP_AFTER,
        'After so many deaths within the time below it is left down, `broken`, until its files change or a person starts it. Default: null, never.',
      ),
    ),
    within: v.exactOptional(wholeNumber(WITHIN, 'The time for give_up_after, in seconds. Default: 600.')),
  },
  SECTION,
);
const supervision = v.object(
  {
    autostart: v.exactOptional(yesOrNo('false: `animus up` does not start it. Default: true.')),
    memory_megabytes: v.exactOptional(
      orForEver(
        MEMORY,
        'Resident memory in megabytes above which a Broca is restarted. Three quarters of it are what its JavaScript heap may take. Default: null, no bound.',
      ),
    ),
    memory_grace: v.exactOptional(wholeNumber(MEMORY_GRACE, 'How long it may be above that, in seconds. Default: 30.')),
    processes: v.exactOptional(
      orForEver(
        PROCESSES,
        'Processes and threads that a Broca and all it started may be at once, where the machine can count them (operations.md). null: no bound. Default: 256.',
      ),
    ),
    start_deadline: v.exactOptional(
      wholeNumber(
        START_DEADLINE,
        'How long a Broca may take to become ready before it is killed and restarted, in seconds; each sign of life extends it. Default: 60.',
      ),
    ),
    stop_deadline: v.exactOptional(
      wholeNumber(STOP_DEADLINE, 'How long a Broca may take to stop before it is killed, in seconds. Default: 30.'),
    ),
    watchdog: v.exactOptional(
      wholeNumber(WATCHDOG, 'How long a Broca may be silent before it is killed and restarted, in seconds. Default: 30.'),
    ),
    probation: v.exactOptional(
      wholeNumber(
        PROBATION,
        'How long a new release must have stood, shut, before a sign of life (there is one every 5 s) decides for it, in seconds. Messages wait meanwhile. Default: 4.',
      ),
    ),
    restart: v.exactOptional(v.pipe(restart, v.description('When a Broca that died is started again.'))),
    environment: v.exactOptional(
      v.pipe(
        addedEnvironment,
        v.description(
          "Added to a Broca's environment; null takes a variable away that it would have. Secrets belong in the agent's own .env.",
        ),
      ),
    ),
    node_options: v.exactOptional(
      v.pipe(
        v.string('write the options in quotes, with a blank between them'),
        v.regex(NODE_OPTIONS_PATTERN, ({ input }) => refuseNodeOptions(input)),
        v.description('Options for Node, with a blank between them, as in "--trace-warnings --dns-result-order=ipv4first". Default: none.'),
      ),
    ),
    isolation: v.exactOptional(
      oneOf(
        ISOLATION_WISHES,
        'off: no sandbox. auto: bubblewrap where it works. require: bubblewrap, or the agent does not start. Default: auto.',
      ),
    ),
    user: v.exactOptional(
      v.pipe(
        v.nullable(v.pipe(v.string(USER), v.regex(/^(?:[A-Za-z_][A-Za-z0-9_.-]*|[0-9]{1,10})$/, USER))),
        v.description('User to run as, by name or number, when the supervisor runs as root. Default: null, as the supervisor.'),
      ),
    ),
  },
  SECTION,
);
export const supervisionSchema: v.GenericSchema<SupervisionFile> = supervision;

/** For each place where a supervision is written. */
export function knownSupervisionKeys(...places: string[]): KnownKeys {
  return places.flatMap((place) => [
    [place, Object.keys(supervision.entries)] as const,
    [`${place}.restart`, Object.keys(restart.entries)] as const,
    [`${place}.environment`, null] as const,
  ]);
}

/** What is written over what holds otherwise, key by key; node_options as a whole. */
export function refineSupervision(base: Supervision, file: SupervisionFile): Supervision {
  const memory = file.memory_megabytes;
  return {
    autostart: file.autostart ?? base.autostart,
    memoryBytes: memory === undefined ? base.memoryBytes : memory === null ? null : memory * MEGABYTE,
    memoryGraceMs: inMs(file.memory_grace) ?? base.memoryGraceMs,
    processes: file.processes === undefined ? base.processes : file.processes,
    startDeadlineMs: inMs(file.start_deadline) ?? base.startDeadlineMs,
    stopDeadlineMs: inMs(file.stop_deadline) ?? base.stopDeadlineMs,
    watchdogMs: inMs(file.watchdog) ?? base.watchdogMs,
    probationMs: inMs(file.probation) ?? base.probationMs,
    restart: refineRestart(base.restart, file.restart ?? {}),
    environment: { ...base.environment, ...file.environment },
    nodeOptions: file.node_options?.split(' ').filter((word) => word !== '') ?? base.nodeOptions,
    isolation: file.isolation ?? base.isolation,
    user: file.user === undefined ? base.user : file.user,
  };
}

function refineRestart(base: RestartLimits, file: NonNullable<SupervisionFile['restart']>): RestartLimits {
  return {
    longestPauseMs: inMs(file.longest_pause) ?? base.longestPauseMs,
    forgivenAfterMs: inMs(file.forgiven_after) ?? base.forgivenAfterMs,
    giveUpAfter: file.give_up_after === undefined ? base.giveUpAfter : file.give_up_after,
    withinMs: inMs(file.within) ?? base.withinMs,
  };
}

function inMs(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000;
}
