/** Faults on demand: which requests they hit, how often, and what they do to them. */
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

/** `times`: how many requests it hits, 1 by default; Infinity lasts until removed. */
export type Fault = FaultMatch & { times?: number } & FaultDeed;

export type FaultHandle = {
  /** Requests hit so far. */
  readonly hits: number;
  /** Fulfilled with the first request it hits. */
  readonly fired: Promise<RecordedRequest>;
  /** Lets the requests go on that a `hold` keeps, and those that would come. */
  release(): void;
  /** Hits nothing from now on. */
  remove(): void;
};

type Placed = { fault: Fault; left: number; hits: number; fire: (request: RecordedRequest) => void; released: Promise<void> };

export class FaultBook {
  #placed: Placed[] = [];

  place(fault: Fault): FaultHandle {
    const fired = Promise.withResolvers<RecordedRequest>();
    const released = Promise.withResolvers<void>();
    const placed: Placed = { fault, left: fault.times ?? 1, hits: 0, fire: fired.resolve, released: released.promise };
    this.#placed.push(placed);
    return {
      get hits() {
        return placed.hits;
      },
      fired: fired.promise,
      release: () => released.resolve(),
      remove: () => this.#remove(placed),
    };
  }

  clear(): void {
    this.#placed = [];
  }

  /** The first fault placed that fits; it is used up once more. */
  take(request: RecordedRequest): { deed: FaultDeed; released: Promise<void> } | null {
    const placed = this.#placed.find(({ fault }) => fits(fault, request));
    if (placed === undefined) {
      return null;
    }
    placed.left -= 1;
    placed.hits += 1;
    placed.fire(request);
    if (placed.left <= 0) {
      this.#remove(placed);
    }
    return { deed: placed.fault, released: placed.released };
  }

  #remove(placed: Placed): void {
    this.#placed = this.#placed.filter((other) => other !== placed);
  }
}

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
