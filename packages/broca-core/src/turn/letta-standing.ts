/**
 * What is known of Letta's state, and what follows for asking: held (a person must mend key, credit or
 * agent: probe until it is), or a pause after several requests in a row that reached nobody.
 */
import type { LettaState } from 'animus-protocol';
import type { AttemptOutcome, LettaCheck } from './letta.ts';

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
const FIRST_PROBE_MS = 5_000;
const LONGEST_PROBE_MS = 60_000;
/** A turn that Letta cannot take is tried again within this time; so long its failure counts more than a look that went well. */
const REFUSAL_COUNTS_MS = 90_000;
/** With all well, how often health looks at an idle agent's Letta. */
const ROUTINE_PROBE_MS = 300_000;

export class LettaStanding {
  #state: LettaState = { state: 'unchecked' };
  #failuresInRow = 0;
  #pausedUntil = 0;
  /** When an attempt could last not be made. */
  #failedAt = Number.NEGATIVE_INFINITY;
  /** A look failed after that. */
  #hasLookFailed = false;
  /** Looks and failures in a row, by which the next look is put off. */
  #probes = 0;
  #probeAt = 0;
  #onChange: () => void;

  /**
   * `onChange` is called when Letta's state became another one, so that health need not wait for the next beat.
   * `firstProbeAt` is when Letta is looked at though nobody asks it anything.
   */
  constructor(onChange: () => void = () => undefined, firstProbeAt = 0) {
    this.#onChange = onChange;
    this.#probeAt = firstProbeAt;
  }

  get state(): LettaState {
    return this.#state;
  }

  /** When a turn may be asked: `now` or earlier for at once, null while held. */
  askableAt(): number | null {
    return this.#state.state === 'held' ? null : this.#pausedUntil;
  }

  /** When Letta should be probed next. */
  get probeAt(): number {
    return this.#probeAt;
  }

  probed(check: LettaCheck, now: number): void {
    switch (check.kind) {
      case 'reachable': {
        // That the agent can be looked at does not mend a credit that is used up: only a turn that is taken shows that it is.
        const probes = this.#state.state === 'held' ? this.#probes : 0;
        if (this.#takesNoTurn(now)) {
          this.#pausedUntil = 0;
          this.#scheduleProbe(now);
          break;
        }
        this.answered(now);
        this.#probes = probes;
        break;
      }
      case 'held':
        this.held(check.reason, now);
        break;
      case 'unreachable':
        this.#hasLookFailed = true;
        this.#unreachable(check.reason, now);
        break;
    }
  }

  /** It answers looks while it fails turns (a 500 for each): health would change to and fro. */
  #takesNoTurn(now: number): boolean {
    return this.#state.state === 'unreachable' && !this.#hasLookFailed && now - this.#failedAt < REFUSAL_COUNTS_MS;
  }

  /** An attempt's outcome tells as much as a probe does. */
  heard(outcome: AttemptOutcome, now: number): void {
    switch (outcome.kind) {
      case 'held':
        this.held(outcome.reason, now);
        break;
      case 'unavailable':
        if (outcome.isOfThisTurn === true) {
          this.answered(now);
          break;
        }
        this.#failuresInRow += 1;
        this.#pausedUntil = now + Math.max(outcome.afterMs ?? 0, backoff(FIRST_PAUSE_MS, this.#failuresInRow, LONGEST_PAUSE_MS));
        this.#failedAt = now;
        this.#hasLookFailed = false;
        this.#unreachable(outcome.reason, now);
        break;
      case 'unknown':
        break;
      case 'answered':
      case 'silent':
      case 'rejected':
      case 'failed':
        this.answered(now);
        break;
    }
  }

  held(reason: string, now: number): void {
    const since = this.#state.state === 'held' ? this.#state.since : now;
    this.#become({ state: 'held', since, reason });
    this.#scheduleProbe(now);
  }

  /** Something was mended, perhaps (a reload): look at once. */
  lookNow(): void {
    this.#probes = 0;
    this.#probeAt = 0;
    this.#pausedUntil = 0;
  }

  /** Letta dealt with something of this agent. */
  answered(now: number): void {
    const since = this.#state.state === 'reachable' ? this.#state.since : now;
    this.#become({ state: 'reachable', since });
    this.#failuresInRow = 0;
    this.#pausedUntil = 0;
    this.#probes = 0;
    this.#probeAt = now + ROUTINE_PROBE_MS;
  }

  #unreachable(reason: string, now: number): void {
    const since = this.#state.state === 'unreachable' ? this.#state.since : now;
    this.#become({ state: 'unreachable', since, reason });
    this.#scheduleProbe(now);
  }

  #become(state: LettaState): void {
    const isNew = state.state !== this.#state.state;
    this.#state = state;
    if (isNew) this.#onChange();
  }

  #scheduleProbe(now: number): void {
    this.#probes += 1;
    this.#probeAt = now + backoff(FIRST_PROBE_MS, this.#probes, LONGEST_PROBE_MS);
  }
}

function backoff(firstMs: number, count: number, longestMs: number): number {
  return Math.min(firstMs * 2 ** (count - 1), longestMs);
}
