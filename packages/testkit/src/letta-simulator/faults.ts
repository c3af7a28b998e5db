/** Faults on demand: which requests they hit, how often, and what they do to them. */
import { type FaultCount, FaultBook as SharedBook, type FaultHandle as SharedHandle } from '../fault-book.ts';
import type { CannedAnswer } from './errors.ts';
import type { RecordedRequest } from './world.ts';

/** All that is given must fit; nothing given fits every request. */
export type FaultMatch = {
  /** Names of routes, see the tables of the route files: `conversations.messages.create`, `runs.retrieve`, … */
  route?: string | readonly string[];
  method?: string;
  path?: string | RegExp;
  agentId?: string;
};

/** How far an answer gets. Keepalive pings do not count; zero lets nothing out, not even the headers. */
export type Progress = { afterBytes?: number; afterFrames?: number };

export type FaultDeed =
  /** Another answer. `ran`: the request was carried out all the same, as when a gateway gives up waiting. */
  | ({ kind: 'status'; ran?: boolean } & CannedAnswer)
  /** Real time before the request is looked at. */
  | { kind: 'delay'; ms: number }
  /** The request is looked at when the handle releases it. */
  | { kind: 'hold' }
  /** The connection is closed before the request is looked at. */
  | { kind: 'drop' }
  /** Carried out; the answer stops on its way and the connection stays open. `pings` still come through. */
  | ({ kind: 'stall'; pings?: boolean } & Progress)
  /** Carried out; the answer is cut off. `end` closes politely, so that nothing but the missing end tells. */
  | ({ kind: 'cut'; how?: 'close' | 'reset' | 'end' } & Progress);

export type Fault = FaultMatch & FaultCount & FaultDeed;

export type FaultHandle = SharedHandle<RecordedRequest>;

export function openFaultBook(): FaultBook {
  return new SharedBook<Fault, RecordedRequest>(fits);
}

export type FaultBook = SharedBook<Fault, RecordedRequest>;

function fits(match: FaultMatch, request: RecordedRequest): boolean {
  const routes = match.route === undefined ? null : [match.route].flat();
  const path = match.path;
  return (
    (routes === null || (request.route !== null && routes.includes(request.route))) &&
    (match.method === undefined || match.method === request.method) &&
    (path === undefined || (typeof path === 'string' ? path === request.path : path.test(request.path))) &&
    (match.agentId === undefined || match.agentId === request.agentId)
  );
}
