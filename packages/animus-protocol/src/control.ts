/**
 * The control surface: what may be asked of the supervisor over `run/animus.sock` (HTTP on a Unix
 * socket, mode 0600). One closed union of requests, one table of what each answers: the CLI encodes
 * with it, the supervisor parses and dispatches with it. Secrets never travel here.
 *
 *     200 the reply below · 400 not understood · 404 no such path or agent · 405 wrong method
 *     409 it could not be made true · 500 our bug          (all but 200: {"error":{"message"}})
 */
import * as v from 'valibot';
import { type AgentId, findAgentId, parseAgentId } from './agent-id.ts';
import { failed, ok, type Result, unreachable } from './result.ts';
import { type BeatReport, beatReport } from './worker-link.ts';

/** The phases a worker goes through; drawn in the supervisor's worker/step.ts. */
export const PHASES = ['waiting', 'starting', 'ready', 'unhealthy', 'stopping', 'backing-off', 'broken', 'stopped'] as const;
export type Phase = (typeof PHASES)[number];

/** What a person asked for; it outlives the supervisor. */
export type Wanted = 'running' | 'stopped';

/** How far a Broca is shut in: `none` is a process group of its own and a clean environment, no more. */
export type Isolation = 'none' | 'bwrap';

export type AgentStatus = {
  id: AgentId;
  phase: Phase;
  wanted: Wanted;
  /** Broca's own process, or null when none lives. */
  pid: number | null;
  /** Deaths nobody asked for, since the supervisor first saw this agent (kept over its restarts). */
  restarts: number;
  /** When the living process started, in ms of the epoch. */
  startedAt: number | null;
  uptimeMs: number | null;
  /** Why the agent is not ready, or how it last died; null when there is nothing to say. */
  reason: string | null;
  /** The release it runs from, as Broca says it; null when nothing runs or it runs from a checkout. */
  release: string | null;
  /** Per cent of one core since the last sample; null before the first. */
  cpu: number | null;
  /** Resident memory. */
  memoryBytes: number | null;
  /** The newest beat, without its type; null when none came from the living process. */
  beat: BeatReport | null;
  isolation: Isolation;
  /** True when somebody started it with `broca run`, not the supervisor. */
  startedByHand: boolean;
};

export type FleetStatus = {
  supervisor: { pid: number; version: string; startedAt: number };
  agents: AgentStatus[];
};

/** How one agent's start, stop or restart ended. `ok` is only said of what is true now: ready, or its exit was seen. */
export type AgentOutcome = { id: AgentId; ok: boolean; phase: Phase; pid: number | null; message: string };
export type FleetOutcome = { agents: AgentOutcome[] };
export type RescanOutcome = { added: AgentId[]; removed: AgentId[]; agents: AgentId[] };
/** Given when every Broca has ended; the supervisor ends right after and removes its socket. */
export type DownOutcome = { stopped: AgentId[] };

/** One thing that happened, as told to whoever follows `/v1/events`. */
export type ControlEvent = {
  at: number;
  kind: string;
  level: 'info' | 'warn' | 'error';
  agent: AgentId | null;
  message: string;
};

export type ControlRequest =
  | { kind: 'status' }
  /** Reply when the agent is ready, or tell why it is not. A broken agent is tried again. */
  | { kind: 'start'; agent: AgentId }
  /** Reply when its exit was seen. It stays stopped, also over restarts of the supervisor. */
  | { kind: 'stop'; agent: AgentId }
  | { kind: 'restart'; agent: AgentId }
  | { kind: 'start-all' }
  | { kind: 'stop-all' }
  | { kind: 'restart-all' }
  /** The home changed (an agent was deployed or removed): look now instead of when the watcher tells. */
  | { kind: 'rescan' }
  /** Stop every Broca and end. */
  | { kind: 'down' }
  /** A stream of server-sent events, each `data:` a ControlEvent. */
  | { kind: 'events' };

export type ControlReply = {
  status: FleetStatus;
  start: AgentOutcome;
  stop: AgentOutcome;
  restart: AgentOutcome;
  'start-all': FleetOutcome;
  'stop-all': FleetOutcome;
  'restart-all': FleetOutcome;
  rescan: RescanOutcome;
  down: DownOutcome;
};

const PATHS: { readonly [K in ControlRequest['kind']]: { method: 'GET' | 'POST'; path: string } } = {
  status: { method: 'GET', path: '/v1/status' },
  start: { method: 'POST', path: '/v1/agents/{id}/start' },
  stop: { method: 'POST', path: '/v1/agents/{id}/stop' },
  restart: { method: 'POST', path: '/v1/agents/{id}/restart' },
  'start-all': { method: 'POST', path: '/v1/fleet/start' },
  'stop-all': { method: 'POST', path: '/v1/fleet/stop' },
  'restart-all': { method: 'POST', path: '/v1/fleet/restart' },
  rescan: { method: 'POST', path: '/v1/rescan' },
  down: { method: 'POST', path: '/v1/down' },
  events: { method: 'GET', path: '/v1/events' },
};

/** The request line of a request; no request has a body. */
export function encodeControlRequest(request: ControlRequest): { method: 'GET' | 'POST'; path: string } {
  const { method, path } = PATHS[request.kind];
  return { method, path: 'agent' in request ? path.replace('{id}', encodeURIComponent(request.agent)) : path };
}

export type RefusedRequest = { status: 400 | 404 | 405; message: string };

/** Reads a request line. `known` lets an id be shortened while it fits one agent only. */
export function parseControlRequest(method: string, path: string, known: readonly AgentId[]): Result<ControlRequest, RefusedRequest> {
  const found = findPath(path);
  if (found === null) {
    const paths = Object.values(PATHS).map((each) => `${each.method} ${each.path}`);
    return failed({ status: 404, message: `there is no ${path}. There are: ${paths.join(', ')}` });
  }
  const expected = PATHS[found.kind].method;
  if (method !== expected) return failed({ status: 405, message: `${path} is asked with ${expected}, not ${method}` });
  if (found.agent === null) return ok(requestWithoutAgent(found.kind));
  if (!parseAgentId(found.agent).ok) return failed({ status: 400, message: `${JSON.stringify(found.agent)} cannot be an agent id` });
  const agent = findAgentId(found.agent, known);
  return agent.ok ? ok({ kind: found.kind, agent: agent.value }) : failed({ status: 404, message: agent.error });
}

type OfOneAgent = Extract<ControlRequest, { agent: AgentId }>['kind'];
type OfTheFleet = Exclude<ControlRequest['kind'], OfOneAgent>;
type FoundPath = { kind: OfOneAgent; agent: string } | { kind: OfTheFleet; agent: null };

function findPath(path: string): FoundPath | null {
  const ofAgent = /^\/v1\/agents\/([^/]+)\/(start|stop|restart)$/.exec(path);
  if (ofAgent?.[1] !== undefined) {
    try {
      return { kind: v.parse(v.picklist(['start', 'stop', 'restart']), ofAgent[2]), agent: decodeURIComponent(ofAgent[1]) };
    } catch {
      return null;
    }
  }
  const kinds = ['status', 'start-all', 'stop-all', 'restart-all', 'rescan', 'down', 'events'] as const satisfies readonly OfTheFleet[];
  const kind = kinds.find((each) => PATHS[each].path === path);
  return kind === undefined ? null : { kind, agent: null };
}

function requestWithoutAgent(kind: OfTheFleet): ControlRequest {
  switch (kind) {
    case 'status':
    case 'start-all':
    case 'stop-all':
    case 'restart-all':
    case 'rescan':
    case 'down':
    case 'events':
      return { kind };
    default:
      return unreachable(kind);
  }
}

const agentId = v.custom<AgentId>((input) => typeof input === 'string' && input.startsWith('agent-'), 'not an agent id');
const phase = v.picklist(PHASES);
const agentStatus = v.object({
  id: agentId,
  phase,
  wanted: v.picklist(['running', 'stopped']),
  pid: v.nullable(v.number()),
  restarts: v.number(),
  startedAt: v.nullable(v.number()),
  uptimeMs: v.nullable(v.number()),
  reason: v.nullable(v.string()),
  release: v.nullable(v.string()),
  cpu: v.nullable(v.number()),
  memoryBytes: v.nullable(v.number()),
  beat: v.nullable(beatReport),
  isolation: v.picklist(['none', 'bwrap']),
  startedByHand: v.boolean(),
});
const agentOutcome = v.object({ id: agentId, ok: v.boolean(), phase, pid: v.nullable(v.number()), message: v.string() });
const fleetOutcome = v.object({ agents: v.array(agentOutcome) });

const REPLIES: { readonly [K in keyof ControlReply]: v.GenericSchema<unknown, unknown> } = {
  status: v.object({
    supervisor: v.object({ pid: v.number(), version: v.string(), startedAt: v.number() }),
    agents: v.array(agentStatus),
  }),
  start: agentOutcome,
  stop: agentOutcome,
  restart: agentOutcome,
  'start-all': fleetOutcome,
  'stop-all': fleetOutcome,
  'restart-all': fleetOutcome,
  rescan: v.object({ added: v.array(agentId), removed: v.array(agentId), agents: v.array(agentId) }),
  down: v.object({ stopped: v.array(agentId) }),
};

/** Reads the body of a 200. The error is for a supervisor of another version. */
export function parseControlReply<K extends keyof ControlReply>(kind: K, body: unknown): Result<ControlReply[K], string> {
  const parsed = v.safeParse(REPLIES[kind], body);
  if (parsed.success) return ok(parsed.output as ControlReply[K]);
  return failed(`the supervisor answered in a form this animus does not know (is it another version?): ${v.summarize(parsed.issues)}`);
}

/** The message of a refusal's body, or null when it has none. */
export function parseControlError(body: unknown): string | null {
  const parsed = v.safeParse(v.object({ error: v.object({ message: v.string() }) }), body);
  return parsed.success ? parsed.output.error.message : null;
}

/** Reads the `data:` of one server-sent event. */
export function parseControlEvent(value: unknown): Result<ControlEvent, string> {
  const parsed = v.safeParse(
    v.object({
      at: v.number(),
      kind: v.string(),
      level: v.picklist(['info', 'warn', 'error']),
      agent: v.nullable(agentId),
      message: v.string(),
    }),
    value,
  );
  return parsed.success ? ok(parsed.output) : failed(v.summarize(parsed.issues));
}
