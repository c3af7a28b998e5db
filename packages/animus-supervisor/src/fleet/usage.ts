/**
 * What the fleet's processes use: sampled for all of them in one call, told to each worker, kept for the status. What they
 * print is kept within its bound as often.
 */
import type { Publish } from '../observe/event.ts';
import type { KernelMemory } from '../observe/kernel-memory.ts';
import { ResourceSampler, type Usage } from '../observe/resources.ts';
import type { Clock } from '../worker/clock.ts';
import { boundOutput } from '../worker/output.ts';
import type { Worker } from '../worker/perform.ts';

const SAMPLE_EVERY_MS = 10_000;
/** Where a bound is to be kept: half a minute, as others take, is long enough to fill a machine. */
const SAMPLE_BOUNDED_EVERY_MS = 5_000;
/** A status asked again and again does not read every process each time. */
const FRESH_FOR_MS = 1_000;

export type UsageOptions = {
  clock: Clock;
  workers: () => Iterable<Worker>;
  /** Whether some agent may not hold more than so much memory. */
  isBounded: () => boolean;
  kernelMemory: KernelMemory;
  publish: Publish;
};

export class UsageSampler {
  #options: UsageOptions;
  #sampler = new ResourceSampler();
  #usages = new Map<number, Usage>();
  #sampledAt = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | null = null;
  #isClosed = false;

  constructor(options: UsageOptions) {
    this.#options = options;
  }

  of(pid: number | null): Usage | null {
    return pid === null ? null : (this.#usages.get(pid) ?? null);
  }

  /** Begins, and goes on until it is closed. */
  start(): void {
    if (this.#isClosed) return;
    const { clock, isBounded } = this.#options;
    const ms = isBounded() ? SAMPLE_BOUNDED_EVERY_MS : SAMPLE_EVERY_MS;
    this.#cancel = clock.after(ms, () => void this.#sample().then(() => this.start()));
  }

  /** Reads what processes use now, unless that was done a moment ago. */
  async refresh(): Promise<void> {
    if (this.#options.clock.now() - this.#sampledAt >= FRESH_FOR_MS) await this.#sample();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel?.();
  }

  async #sample(): Promise<void> {
    const { workers, clock, kernelMemory, publish } = this.#options;
    this.#sampledAt = clock.now();
    kernelMemory.look();
    this.#boundOutputs();
    const byPid = new Map<number, Worker>();
    for (const worker of workers()) if (typeof worker.run?.pid === 'number') byPid.set(worker.run.pid, worker);
    try {
      this.#usages = await this.#sampler.sampleTrees([...byPid.keys()]);
    } catch (error) {
      publish({ kind: 'sampling-failed', reason: error instanceof Error ? error.message : String(error) });
      return;
    }
    for (const [pid, { memoryBytes }] of this.#usages) {
      const worker = byPid.get(pid);
      // It may have been followed by another while its numbers were read.
      if (worker?.run?.pid === pid && worker.isWeighed) worker.send({ kind: 'memory', bytes: memoryBytes });
    }
  }

  #boundOutputs(): void {
    const { workers, publish } = this.#options;
    for (const { agent, run, outputLog } of workers()) {
      if (run === null) continue;
      try {
        if (boundOutput(outputLog)) publish({ kind: 'output-cut', agent });
      } catch (error) {
        publish({ kind: 'sampling-failed', reason: error instanceof Error ? error.message : String(error) });
      }
    }
  }
}
