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
import type { BackupReport } from './backup-report.ts';
import type { Isolation, TreeHold } from './isolation.ts';
import { failed, ok, type Result, unreachable } from './result.ts';
import type { BeatReport } from './worker-link.ts';

/** The phases a worker goes through; drawn in the supervisor's worker/step.ts. */
export const PHASES = ['waiting', 'starting', 'ready', 'unhealthy', 'stopping', 'backing-off', 'broken', 'stopped'] as const;
export type Phase = (typeof PHASES)[number];

/**
 * Why a Broca ended that nobody asked to: its exit code; a signal; a full heap, or a machine out of memory; silence for
 * as long as `watchdog` says; more memory than it may have; not ready in time; and not known, since nobody watched.
 */
export const DEATH_KINDS = ['code', 'signal', 'out-of-memory', 'watchdog', 'memory-limit', 'not-ready', 'unseen'] as const;
export type DeathKind = (typeof DEATH_KINDS)[number];
/** `at` in ms of the epoch. */
export type LastDeath = { kind: DeathKind; how: string; at: number };

/** What a person asked for; it outlives the supervisor. */
export type Wanted = 'running' | 'stopped';

export type AgentStatus = {
  id: AgentId;
  phase: Phase;
  wanted: Wanted;
  /** Broca's own process, or null when none lives. */
  pid: number | null;
  /** Deaths nobody asked for, since the supervisor first saw this agent (kept over its restarts). */
  restarts: number;
  /** How often it died of what, in the same time. */
  deaths: Partial<Record<DeathKind, number>>;
  lastDeath: LastDeath | null;
  /** When the living process started, in ms of the epoch. */
  startedAt: number | null;
  uptimeMs: number | null;
  /** Why the agent is not ready, or how it last died; null when there is nothing to say. */
  reason: string | null;
  /** The release it runs from, as Broca says it; null when nothing runs or it runs from a checkout. */
  release: string | null;
  /** Broca's own version; null when nothing runs. */
  version: string | null;
  /** It and what it started: per cent of one core since the last sample; null before the first. */
  cpu: number | null;
  /** It and what it started: resident memory, what several processes share counted for each. */
  memoryBytes: number | null;
  /** The newest beat, without its type; null when none came from the living process. */
  beat: BeatReport | null;
  /** In force for the process that runs; null when none does. */
  isolation: Isolation | null;
  /** How its whole process tree is found when it ends; null when nothing runs. */
  tree: TreeHold | null;
  /** True when somebody started it with `broca run`, not the supervisor. */
  startedByHand: boolean;
};

/** Whether this machine lets the supervisor put Brocas into a bubblewrap sandbox, as its try at its start has shown. */
export type SandboxReport = { works: true; version: string } | { works: false; reason: string };

export type FleetStatus = {
  supervisor: {
    pid: number;
    version: string;
    startedAt: number;
    sandbox: SandboxReport;
    /** What is wrong with animus.config.json, a line each; what was read before is in force. */
    problems: readonly string[];
    /** Of `backup.schedule`; null when there is none, absent from supervisors that know of none. */
    backup?: BackupReport | null;
  };
  agents: AgentStatus[];
};

/** How one agent's start, stop or restart ended. `ok` is only said of what is true now: ready, or its exit was seen. */
export type AgentOutcome = { id: AgentId; ok: boolean; phase: Phase; pid: number | null; message: string };
export type FleetOutcome = { agents: AgentOutcome[] };
export type RescanOutcome = { added: AgentId[]; removed: AgentId[]; agents: AgentId[] };
/** Given when every Broca has ended; the supervisor ends right after and removes its socket. */
export type DownOutcome = { stopped: AgentId[] };

/** One thing that happened, as kept in `logs/events.log` and told to whoever follows `/v1/events`. */
export type ControlEvent = {
  /** Counted up by one over restarts of the supervisor: who knows the last one seen goes on from there. */
  id: number;
  /** ms of the epoch. */
  at: number;
  kind: string;
  level: 'info' | 'warn' | 'error';
  agent: AgentId | null;
  /** The whole in a sentence for people. */
  message: string;
  /** The same for programs; what is in it goes with `kind`. */
  details: Record<string, unknown>;
};

/** Names the surface to a program that meets it for the first time. */
export type Surface = {
  /** The version in every path. Fields and requests may be added to it, never changed or removed. */
  api: number;
  /** Of Animus. */
  version: string;
  requests: { method: 'GET' | 'POST'; path: string; summary: string }[];
};

export type ControlRequest =
  | { kind: 'surface' }
  /** `isFresh`: what processes use is read now and not taken from the last sample. */
  | { kind: 'status'; isFresh?: true }
  /** Reply when the agent is ready, or tell why it is not. A broken agent is tried again. */
  | { kind: 'start'; agent: AgentId }
  /** Reply when its exit was seen. It stays stopped, also over restarts of the supervisor. */
  | { kind: 'stop'; agent: AgentId }
  | { kind: 'restart'; agent: AgentId }
  /** Switch to the release that `animus update` prepared in the agent's folder; reply when it is decided for, or why not. */
  | { kind: 'switch'; agent: AgentId }
  /**
   * Stopped for as long as the connection stays open: the body begins with an AgentOutcome when its exit was seen, and does not
   * end. When whoever asked closes it, or dies, the agent goes on as it was wanted before.
   */
  | { kind: 'pause'; agent: AgentId }
  | { kind: 'start-all' }
  | { kind: 'stop-all' }
  | { kind: 'restart-all' }
  /** The home changed (an agent was deployed or removed): look now instead of when the watcher tells. */
  | { kind: 'rescan' }
  /** Stop every Broca and end. */
  | { kind: 'down' }
  /** A stream of server-sent events, each `data:` a ControlEvent: those kept after a number first, then what happens. */
  | { kind: 'events'; after: number | null; agent: AgentId | null };

export type ControlReply = {
  surface: Surface;
  status: FleetStatus;
  start: AgentOutcome;
  stop: AgentOutcome;
  restart: AgentOutcome;
  switch: AgentOutcome;
  'start-all': FleetOutcome;
  'stop-all': FleetOutcome;
  'restart-all': FleetOutcome;
  rescan: RescanOutcome;
  down: DownOutcome;
};

const API_VERSION = 1;

type Path = { method: 'GET' | 'POST'; path: string; summary: string };

const PATHS: { readonly [K in ControlRequest['kind']]: Path } = {
  surface: { method: 'GET', path: '/v1', summary: 'this table' },
  status: { method: 'GET', path: '/v1/status', summary: 'the supervisor and every agent; `?fresh=true` reads CPU and memory now' },
  start: { method: 'POST', path: '/v1/agents/{id}/start', summary: 'answered when the agent is ready, or why it is not' },
  stop: { method: 'POST', path: '/v1/agents/{id}/stop', summary: 'answered when its exit was seen; it stays stopped' },
  restart: { method: 'POST', path: '/v1/agents/{id}/restart', summary: 'stop, then start' },
  switch: {
    method: 'POST',
    path: '/v1/agents/{id}/switch',
    summary: 'switches to the release `animus update` prepared; answered when it is decided for, or why it is not',
  },
  pause: {
    method: 'POST',
    path: '/v1/agents/{id}/pause',
    summary: 'stopped until the connection is closed; the answer begins when its exit was seen',
  },
  'start-all': { method: 'POST', path: '/v1/fleet/start', summary: 'the same for every agent' },
  'stop-all': { method: 'POST', path: '/v1/fleet/stop', summary: 'the same for every agent' },
  'restart-all': { method: 'POST', path: '/v1/fleet/restart', summary: 'the same for every agent' },
  rescan: { method: 'POST', path: '/v1/rescan', summary: 'looks at the home now: new and removed agents; broken ones are tried again' },
  down: { method: 'POST', path: '/v1/down', summary: 'stops every Broca, answers, and ends the supervisor' },
  events: {
    method: 'GET',
    path: '/v1/events',
    summary: 'a stream of what happens; `?after=<id>` begins with what is kept after that event, `?agent=<id>` chooses',
  },
};

/** What may be asked, for programs and for the documentation. */
export function describeSurface(version: string): Surface {
  return { api: API_VERSION, version, requests: Object.values(PATHS).map(({ method, path, summary }) => ({ method, path, summary })) };
}

/** The request line of a request; no request has a body. */
export function encodeControlRequest(request: ControlRequest): { method: 'GET' | 'POST'; path: string } {
  const { method, path } = PATHS[request.kind];
  switch (request.kind) {
    case 'start':
    case 'stop':
    case 'restart':
    case 'switch':
    case 'pause':
      return { method, path: path.replace('{id}', encodeURIComponent(request.agent)) };
    case 'status':
      return { method, path: request.isFresh === true ? `${path}?fresh=true` : path };
    case 'events': {
      const query = new URLSearchParams();
      if (request.after !== null) query.set('after', String(request.after));
      if (request.agent !== null) query.set('agent', request.agent);
      return { method, path: query.size === 0 ? path : `${path}?${query.toString()}` };
    }
    default:
      return { method, path };
  }
}

export type RefusedRequest = { status: 400 | 404 | 405; message: string };

/** Reads a request line, query included. `known` lets an id be shortened while it fits one agent only. */
export function parseControlRequest(method: string, url: string, known: readonly AgentId[]): Result<ControlRequest, RefusedRequest> {
  const [path = '', query = ''] = url.split('?', 2);
  const found = findPath(path);
  if (found === null) {
    const paths = Object.values(PATHS).map((each) => `${each.method} ${each.path}`);
    return failed({ status: 404, message: `there is no ${path}. There are: ${paths.join(', ')}` });
  }
  const expected = PATHS[found.kind].method;
  if (method !== expected) return failed({ status: 405, message: `${path} is asked with ${expected}, not ${method}` });
  const asked = new URLSearchParams(query);
  const taken = QUERIES[found.kind] ?? [];
  const unknown = [...asked.keys()].find((key) => !taken.includes(key));
  if (unknown !== undefined) return failed({ status: 400, message: `${path} takes ${taken.join(', ') || 'no query'}, not ${unknown}` });
  if (found.agent === null) return requestWithoutAgent(found.kind, asked, known);
  const agent = readAgent(found.agent, known);
  return agent.ok ? ok({ kind: found.kind, agent: agent.value }) : agent;
}

const QUERIES: { readonly [K in ControlRequest['kind']]?: readonly string[] } = { status: ['fresh'], events: ['after', 'agent'] };

type OfOneAgent = 'start' | 'stop' | 'restart' | 'switch' | 'pause';
type OfTheFleet = Exclude<ControlRequest['kind'], OfOneAgent>;
type FoundPath = { kind: OfOneAgent; agent: string } | { kind: OfTheFleet; agent: null };

function readAgent(word: string, known: readonly AgentId[]): Result<AgentId, RefusedRequest> {
  if (!parseAgentId(word).ok) return failed({ status: 400, message: `${JSON.stringify(word)} cannot be an agent id` });
  const agent = findAgentId(word, known);
  return agent.ok ? agent : failed({ status: 404, message: agent.error });
}

function findPath(path: string): FoundPath | null {
  const ofAgent = /^\/v1\/agents\/([^/]+)\/(start|stop|restart|switch|pause)$/.exec(path);
  if (ofAgent?.[1] !== undefined) {
    try {
      return {
        kind: v.parse(v.picklist(['start', 'stop', 'restart', 'switch', 'pause']), ofAgent[2]),
        agent: decodeURIComponent(ofAgent[1]),
      };
    } catch {
      return null;
    }
  }
  const kind = OF_THE_FLEET.find((each) => PATHS[each].path === path);
  return kind === undefined ? null : { kind, agent: null };
}

const OF_THE_FLEET = [
  'surface',
  'status',
  'start-all',
  'stop-all',
  'restart-all',
  'rescan',
  'down',
  'events',
] as const satisfies readonly OfTheFleet[];

function requestWithoutAgent(kind: OfTheFleet, query: URLSearchParams, known: readonly AgentId[]): Result<ControlRequest, RefusedRequest> {
  switch (kind) {
    case 'surface':
    case 'start-all':
    case 'stop-all':
    case 'restart-all':
    case 'rescan':
    case 'down':
      return ok({ kind });
    case 'status': {
      const fresh = query.get('fresh') ?? 'false';
      if (fresh === 'true' || fresh === 'false') return ok(fresh === 'true' ? { kind, isFresh: true } : { kind });
      return failed({ status: 400, message: `fresh is true or false, not ${JSON.stringify(fresh)}` });
    }
    case 'events': {
      const after = query.get('after');
      if (after !== null && !/^\d{1,15}$/.test(after)) {
        return failed({ status: 400, message: `after is the number of an event, not ${JSON.stringify(after)}` });
      }
      const word = query.get('agent');
      const agent = word === null ? null : readAgent(word, known);
      if (agent !== null && !agent.ok) return agent;
      return ok({ kind, after: after === null ? null : Number(after), agent: agent?.value ?? null });
    }
    default:
      return unreachable(kind);
  }
}
