/**
 * Follows one run's stream to its stop reason. Silence, a polite end without a stop reason, half a
 * frame and a reset all come out as `lost`. Pings prove only that the connection lives: while nothing
 * else comes, the run itself is looked at, since the stream of a vanished run pings for ever.
 */

import type { AttemptNews } from './letta.ts';
import { isRecord } from './letta-rest-policy.ts';
import { RunReading } from './letta-rest-reading.ts';
import { type Trouble, troubleOf } from './letta-rest-transport.ts';

export type Followed =
  | { kind: 'ended'; reading: RunReading }
  /** Where the run stands is not known. */
  | { kind: 'lost'; reading: RunReading; reason: string }
  /** No stream began. */
  | { kind: 'trouble'; trouble: Trouble };

/** What a run's record says: still going, over, or gone; null when Letta could not be asked. */
export type RunLook = 'going' | 'over' | 'gone' | null;

export type FollowOptions = {
  /** Longest silence, pings included. */
  idleTimeoutMs: number;
  /** How long only pings may come before the run is looked at. */
  pingsOnlyMs: number;
  lookAtRun(runId: string, signal: AbortSignal): Promise<RunLook>;
};

/** After the stop reason: how long its explanation, or the end that frees the connection, is waited for. */
const AFTERWORD_MS = 2_000;

export async function follow(
  open: (signal: AbortSignal) => PromiseLike<AsyncIterable<unknown>>,
  tell: (news: AttemptNews) => void,
  options: FollowOptions,
  signal: AbortSignal,
): Promise<Followed> {
  const reading = new RunReading();
  const watch = new Watch(reading, options, signal);
  let stream: AsyncIterable<unknown>;
  try {
    stream = await open(watch.signal);
  } catch (error) {
    watch.close();
    return { kind: 'trouble', trouble: troubleOf(error) };
  }
  const frames = stream[Symbol.asyncIterator]();
  const reason = await readToStop(frames, reading, watch, tell);
  if (reading.stopReason === null) {
    watch.close();
    return { kind: 'lost', reading, reason: watch.reason ?? reason };
  }
  const verdict = reading.verdict.kind;
  const afterword = readOn(frames, reading, watch);
  // A good end needs no explanation; the rest is read beside, so that the connection can be used again.
  if (verdict !== 'well' && verdict !== 'needs-approval') await afterword;
  return { kind: 'ended', reading };
}

/** Returns why it stopped reading; a stop reason is in the reading. */
async function readToStop(
  frames: AsyncIterator<unknown>,
  reading: RunReading,
  watch: Watch,
  tell: (news: AttemptNews) => void,
): Promise<string> {
  let told: string | null = null;
  try {
    for (;;) {
      watch.frame();
      const next = await frames.next();
      if (next.done === true) return 'the stream ended without saying how the turn did';
      const kind = reading.take(next.value);
      if (reading.runId !== null && reading.runId !== told) {
        told = reading.runId;
        tell({ kind: 'run', runId: told });
      }
      if (kind === 'stop') return 'stopped';
      if (kind === 'progress') {
        watch.progress();
        tell({ kind: 'progress' });
      }
      if (reading.stopReason !== null) return 'stopped';
    }
  } catch (error) {
    return readError(error, reading);
  }
}

async function readOn(frames: AsyncIterator<unknown>, reading: RunReading, watch: Watch): Promise<void> {
  watch.lastWord();
  try {
    for (let next = await frames.next(); next.done !== true; next = await frames.next()) reading.take(next.value);
  } catch (error) {
    readError(error, reading);
  } finally {
    watch.close();
  }
}

/** The client throws an `event: error` frame with its data as `error`; anything else is a break. */
function readError(error: unknown, reading: RunReading): string {
  if (error instanceof Error && 'error' in error && isRecord(error.error)) {
    reading.takeError(error.error);
    return 'stopped';
  }
  if (error instanceof SyntaxError) return 'the stream broke off within a frame';
  const trouble = troubleOf(error);
  return trouble.kind === 'broken' ? `the stream broke: ${trouble.reason}` : 'the stream was refused';
}

/** Two clocks on one stream: any frame sets back the first, only progress the second. */
class Watch {
  readonly signal: AbortSignal;
  reason: string | null = null;
  readonly #stop = new AbortController();
  readonly #reading: RunReading;
  readonly #options: FollowOptions;
  #idle: NodeJS.Timeout | undefined;
  #pingsOnly: NodeJS.Timeout | undefined;

  constructor(reading: RunReading, options: FollowOptions, signal: AbortSignal) {
    this.#reading = reading;
    this.#options = options;
    this.signal = AbortSignal.any([this.#stop.signal, signal]);
    this.progress();
  }

  frame(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#end(`no word for ${this.#options.idleTimeoutMs} ms`), this.#options.idleTimeoutMs);
  }

  progress(): void {
    clearTimeout(this.#pingsOnly);
    this.#pingsOnly = setTimeout(() => void this.#look(), this.#options.pingsOnlyMs);
  }

  lastWord(): void {
    clearTimeout(this.#pingsOnly);
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#end('the end of the stream did not come'), AFTERWORD_MS);
  }

  close(): void {
    clearTimeout(this.#idle);
    clearTimeout(this.#pingsOnly);
    this.#stop.abort();
  }

  async #look(): Promise<void> {
    const { runId } = this.#reading;
    const look = runId === null ? null : await this.#options.lookAtRun(runId, this.signal);
    if (this.signal.aborted) return;
    if (look === 'gone') this.#end('its run is gone');
    else if (look === 'over') this.#end('its run is over and its stream does not say so');
    else this.progress();
  }

  #end(reason: string): void {
    this.reason ??= reason;
    this.close();
  }
}
