/**
 * The worker link: what a Broca says on its own socket (`agent-<id>/run/broca.sock`) and what may be
 * said to it. Broca listens and others connect, so a supervisor that starts anew finds what runs.
 *
 *     client → broca   hello · stop · reload · nudge · request
 *     broca → client   hello · ready · beat · stopping · response
 *
 * hello, ready, beat and stop are FROZEN: a supervisor of any version supervises a Broca of any
 * version by these alone. Fields may be added, never changed or removed. Frames are JSON lines
 * (framing.ts). Every frame is parsed before use: the other side may be another version, or a bug.
 */
import * as v from 'valibot';
import { failed, ok, type Result } from './result.ts';

/** Raised only when frames besides the frozen four change in a way an older peer would misread. */
export const WORKER_LINK_VERSION = 1;

/** How often a Broca beats, in ms. A Broca is held to be hung after several missed beats (supervisor's `watchdog`). */
export const BEAT_INTERVAL_MS = 5_000;

export type LettaState =
  | { state: 'unchecked' }
  | { state: 'reachable'; since: number }
  | { state: 'unreachable'; since: number; reason: string }
  /** Letta answers but will not run turns: key, credit or agent is wrong. Turns wait. */
  | { state: 'held'; since: number; reason: string };

export type ChannelHealth = {
  name: string;
  state: 'starting' | 'up' | 'down' | 'stopped' | 'failed';
  reason?: string;
};

export type QueueFigures = {
  /** Turns stored and neither settled nor running. */
  waiting: number;
  running: number;
  parked: number;
  /** Parts of replies not handed over yet. */
  outbox: number;
  /** Turns settled since this Broca started. */
  settled: number;
};

export type BrocaHello = {
  type: 'hello';
  protocol: number;
  pid: number;
  agentId: string;
  version: string;
  /** Name of the release folder it runs from, or null when it runs from a checkout. */
  release: string | null;
  startedAt: number;
  /** Repeats ANIMUS_WORKER_NONCE of its environment, by which a supervisor knows its own spawn. */
  nonce: string | null;
  /** An update tries its release out: it is shut until that is decided (update-plan.ts). An older Broca knows no probation. */
  onProbation?: boolean;
};
export type BrocaReady = { type: 'ready'; at: number; startMs: number };
export type BrocaBeat = {
  type: 'beat';
  at: number;
  /** Largest delay of the event loop since the last beat, in ms. */
  eventLoopDelayMs: number;
  mode: string;
  queue: QueueFigures;
  letta: LettaState;
  channels: ChannelHealth[];
  /** What a person should know: a bad reload, a shadowed key, a full disk. */
  problems: string[];
  /** Those of them that mean that all is not well: a full disk, a damaged database. */
  faults?: string[];
};
/** What a beat tells, without its wrapping. */
export type BeatReport = Omit<BrocaBeat, 'type'>;
export type BrocaStopping = { type: 'stopping'; at: number; reason: string };
export type BrocaResponse = { type: 'response'; id: number } & ({ ok: true; value: unknown } | { ok: false; error: string });
export type BrocaFrame = BrocaHello | BrocaReady | BrocaBeat | BrocaStopping | BrocaResponse;

export type ClientFrame =
  /** First frame of a connection; Broca answers hello, then ready if it is. Only supervisors get beats. */
  | { type: 'hello'; protocol: number; client: 'supervisor' | 'cli'; version: string }
  /** Stop intake, finish the running turn or leave it resumable, flush, close, exit 0 within the deadline. */
  | { type: 'stop'; deadlineMs: number }
  /** `.env`, `settings.json` or the fleet's defaults changed: read them again. */
  | { type: 'reload' }
  /** Something is new for this channel (a file in the spool's inbox). */
  | { type: 'nudge'; channel: string }
  | { type: 'request'; id: number; command: string; args: Record<string, unknown> };

const instant = v.number();
const queueFigures = v.object({ waiting: v.number(), running: v.number(), parked: v.number(), outbox: v.number(), settled: v.number() });
const lettaState = v.variant('state', [
  v.object({ state: v.literal('unchecked') }),
  v.object({ state: v.literal('reachable'), since: instant }),
  v.object({ state: v.literal('unreachable'), since: instant, reason: v.string() }),
  v.object({ state: v.literal('held'), since: instant, reason: v.string() }),
]);
const channelHealth = v.object({
  name: v.string(),
  state: v.picklist(['starting', 'up', 'down', 'stopped', 'failed']),
  reason: v.exactOptional(v.string()),
});

const beat = v.object({
  type: v.literal('beat'),
  at: instant,
  eventLoopDelayMs: v.number(),
  mode: v.string(),
  queue: queueFigures,
  letta: lettaState,
  channels: v.array(channelHealth),
  problems: v.array(v.string()),
  faults: v.exactOptional(v.array(v.string())),
});
/** A beat as control.ts passes it on. */
export const beatReport: v.GenericSchema<unknown, BeatReport> = v.omit(beat, ['type']);

const brocaFrame = v.variant('type', [
  v.object({
    type: v.literal('hello'),
    protocol: v.number(),
    pid: v.number(),
    agentId: v.string(),
    version: v.string(),
    release: v.nullable(v.string()),
    startedAt: instant,
    nonce: v.nullable(v.string()),
    onProbation: v.exactOptional(v.boolean()),
  }),
  v.object({ type: v.literal('ready'), at: instant, startMs: v.number() }),
  beat,
  v.object({ type: v.literal('stopping'), at: instant, reason: v.string() }),
  v.variant('ok', [
    v.object({ type: v.literal('response'), id: v.number(), ok: v.literal(true), value: v.unknown() }),
    v.object({ type: v.literal('response'), id: v.number(), ok: v.literal(false), error: v.string() }),
  ]),
]);

const clientFrame = v.variant('type', [
  v.object({ type: v.literal('hello'), protocol: v.number(), client: v.picklist(['supervisor', 'cli']), version: v.string() }),
  v.object({ type: v.literal('stop'), deadlineMs: v.pipe(v.number(), v.minValue(0)) }),
  v.object({ type: v.literal('reload') }),
  v.object({ type: v.literal('nudge'), channel: v.string() }),
  v.object({ type: v.literal('request'), id: v.number(), command: v.string(), args: v.record(v.string(), v.unknown()) }),
]);

/** Reads a frame a Broca sent. An unknown type is an error the caller may skip: it comes from a newer Broca. */
export function parseBrocaFrame(value: unknown): Result<BrocaFrame, string> {
  const parsed = v.safeParse(brocaFrame, value);
  return parsed.success ? ok(parsed.output as BrocaFrame) : failed(v.summarize(parsed.issues));
}

/** Reads a frame a client sent to a Broca. */
export function parseClientFrame(value: unknown): Result<ClientFrame, string> {
  const parsed = v.safeParse(clientFrame, value);
  return parsed.success ? ok(parsed.output) : failed(v.summarize(parsed.issues));
}
