/** Faults on demand, as every simulator places them: which requests they hit, how often, and what is told of it. */

/** `times`: how many requests it hits, 1 by default; Infinity lasts until removed. `skip`: how many it lets pass before. */
export type FaultCount = { times?: number; skip?: number };

export type FaultHandle<Request> = {
  /** Requests hit so far. */
  readonly hits: number;
  /** Fulfilled with the first request it hits. */
  readonly fired: Promise<Request>;
  /** Lets the requests go on that a `hold` keeps, and those that would come. */
  release(): void;
  /** Hits nothing from now on. */
  remove(): void;
};

type Placed<Fault, Request> = {
  fault: Fault;
  left: number;
  skip: number;
  hits: number;
  fire: (request: Request) => void;
  released: Promise<void>;
};

export class FaultBook<Fault extends FaultCount, Request> {
  readonly #fits: (fault: Fault, request: Request) => boolean;
  #placed: Placed<Fault, Request>[] = [];

  constructor(fits: (fault: Fault, request: Request) => boolean) {
    this.#fits = fits;
  }

  place(fault: Fault): FaultHandle<Request> {
    const fired = Promise.withResolvers<Request>();
    const released = Promise.withResolvers<void>();
    const counts = { left: fault.times ?? 1, skip: fault.skip ?? 0, hits: 0 };
    const placed: Placed<Fault, Request> = { fault, ...counts, fire: fired.resolve, released: released.promise };
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
  take(request: Request): { deed: Fault; released: Promise<void> } | null {
    for (const placed of this.#placed.filter(({ fault }) => this.#fits(fault, request))) {
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

  #remove(placed: Placed<Fault, Request>): void {
    this.#placed = this.#placed.filter((other) => other !== placed);
  }
}
