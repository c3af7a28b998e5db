/** Faults on demand: which of the API's requests they hit, how often, and what they do to them. */
import type { Account } from './world/model.ts';

/** All that is given must fit. */
export type FaultMatch = {
  /** As the API calls it: `messages.sendMessage`; nested calls (invokeWithLayer, …) are taken off first. */
  method?: string | readonly string[];
  account?: { id: number };
  dcId?: number;
};

export type FaultDeed =
  /** Refused with an error of the API (420 FLOOD_WAIT_30, 500 …) and not carried out. */
  | { kind: 'refuse'; code: number; error: string }
  /** Carried out, never answered; the connection stays. */
  | { kind: 'lose-answer' }
  /** Carried out; the connection is reset before the answer goes out. */
  | { kind: 'drop-after' }
  /** Not carried out; the connection is reset. */
  | { kind: 'drop-before' }
  /** Not carried out, never answered. */
  | { kind: 'ignore' }
  /** Carried out when the handle releases it. */
  | { kind: 'hold' };

/** `times`: how many requests it hits, 1 by default; Infinity lasts until removed. `skip`: how many it lets pass before. */
export type Fault = FaultMatch & { times?: number; skip?: number } & FaultDeed;

export type FaultHandle = {
  readonly hits: number;
  /** Fulfilled with the first request it hits. */
  readonly fired: Promise<RecordedRequest>;
  /** Lets the requests go on that a `hold` keeps, and those that would come. */
  release(): void;
  remove(): void;
};

export type RecordedRequest = {
  /** Real wall clock, ms. */
  at: number;
  method: string;
  /** Null before a login. */
  account: Account | null;
  dcId: number;
  /** Of the connection: `full`, `abridged`, `obfuscated abridged`, … */
  transport: string;
  /** `ok`, an error of the API, `lost` (never answered), or null while it runs. */
  outcome: string | null;
};

type Placed = { fault: Fault; left: number; skip: number; hits: number; fire: (request: RecordedRequest) => void; released: Promise<void> };

export class FaultBook {
  #placed: Placed[] = [];

  place(fault: Fault): FaultHandle {
    const fired = Promise.withResolvers<RecordedRequest>();
    const released = Promise.withResolvers<void>();
    const counts = { left: fault.times ?? 1, skip: fault.skip ?? 0, hits: 0 };
    const placed: Placed = { fault, ...counts, fire: fired.resolve, released: released.promise };
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
    for (const placed of this.#placed.filter(({ fault }) => fits(fault, request))) {
      if (placed.skip > 0) {
        placed.skip -= 1;
        continue;
      }
      placed.left -= 1;
      placed.hits += 1;
      placed.fire(request);
      if (placed.left <= 0) this.#remove(placed);
      return { deed: placed.fault, released: placed.released };
    }
    return null;
  }

  #remove(placed: Placed): void {
    this.#placed = this.#placed.filter((other) => other !== placed);
  }
}

function fits(match: FaultMatch, request: RecordedRequest): boolean {
  return (
    (match.method === undefined || [match.method].flat().includes(request.method)) &&
    (match.account === undefined || match.account.id === request.account?.id) &&
    (match.dcId === undefined || match.dcId === request.dcId)
  );
}
