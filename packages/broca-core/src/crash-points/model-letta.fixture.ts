/**
 * Letta as the port promises it, in memory, with its faults on a schedule. It survives every crash of the
 * Broca that asks it, and keeps the ledger by which the proof counts: which run each otid began.
 */
import assert from 'node:assert/strict';
import type { Attempt, AttemptNews, AttemptOutcome, Letta, LettaReply, Settlement } from '../turn/letta.ts';

export type LettaFault =
  | 'none'
  /** Nobody listens. */
  | 'refused'
  /** The request is lost on its way; we do not hear of it. */
  | 'lost'
  /** The request arrives later than we give up on it: when Letta is asked about it the next time. */
  | 'delayed'
  /** It arrives later still: after Letta had no trace of it, when the next request comes. */
  | 'late'
  /** It runs and ends; the answer is lost. */
  | 'answer-lost'
  /** It goes on running while we look, twice. */
  | 'slow'
  | 'failed'
  | 'silent'
  | 'held'
  | 'rejected'
  /** Letta answers nothing to the next question about an attempt. */
  | 'mute'
  /** It runs, and all that could tell of it is gone: memory of otids flushed, no row yet. Nobody can say. */
  | 'forgets';

export type Run = {
  id: string;
  otid: string;
  turnId: number;
  looksLeft: number;
  end: 'answered' | 'silent' | 'failed';
  isOver: boolean;
  isHidden: boolean;
};

const OK: LettaReply<null> = { kind: 'ok', value: null };

export class ModelLetta implements Letta {
  readonly runs: Run[] = [];
  /** Faults in the order they come up, one a request. */
  faults: LettaFault[] = [];
  /** A text at which the asking process ends, each time. */
  isPoison: (text: string) => boolean = () => false;
  #remembered = new Set<string>();
  #frozen = new Map<string, string>();
  #refusedWithImages = new Set<number>();
  #delayed: Attempt[] = [];
  #late: Attempt[] = [];
  #attached: string | null = null;
  #point: () => void;
  #end: () => void;

  /** `point` is called wherever the asking process may end, `end` where it surely does. */
  constructor(point: () => void, end: () => void = point) {
    this.#point = point;
    this.#end = end;
  }

  async ask(attempt: Attempt, tell: (news: AttemptNews) => void): Promise<AttemptOutcome> {
    this.#point();
    this.#checkFrozen(attempt);
    if (this.isPoison(attempt.text)) this.#end();
    const fault = this.faults.shift() ?? 'none';
    const late = this.#late.splice(0);
    const outcome = this.#take(attempt, fault, tell);
    // What Letta refuses for good it refuses each time; and of what is forgotten nobody can tell.
    const arriving = fault === 'forgets' ? [] : late.filter(({ otid }) => fault !== 'rejected' || otid !== attempt.otid);
    for (const before of arriving) this.#begin(before, 'answered', 0);
    this.#point();
    return outcome;
  }

  /** Takes what is asked by its otid, so that a second one is the first. */
  async askAgain(attempt: Attempt, tell: (news: AttemptNews) => void): Promise<AttemptOutcome> {
    return await this.ask(attempt, tell);
  }

  async settle(attempt: Attempt): Promise<Settlement> {
    this.#point();
    this.#checkFrozen(attempt);
    if (this.isPoison(attempt.text)) this.#end();
    if (this.faults[0] === 'mute') {
      this.faults.shift();
      return { kind: 'later', cause: 'unreachable', reason: 'no answer' };
    }
    for (const late of this.#delayed.splice(0)) this.#begin(late, 'answered', 0);
    const run = this.runs.find(({ otid }) => otid === attempt.otid);
    if (run === undefined) return { kind: 'resend' };
    if (run.isHidden) return { kind: 'undecidable', reason: 'forgotten', hasTrace: false };
    if (run.looksLeft > 0) {
      run.looksLeft -= 1;
      return { kind: 'later', cause: 'going', reason: 'still running' };
    }
    run.isOver = true;
    const outcome = outcomeOf(run);
    this.#point();
    return { kind: 'over', outcome };
  }

  #take(attempt: Attempt, fault: LettaFault, tell: (news: AttemptNews) => void): AttemptOutcome {
    switch (fault) {
      case 'refused':
      case 'mute':
        return { kind: 'unavailable', reason: 'refused', afterMs: null };
      case 'held':
        return { kind: 'held', reason: 'key is wrong' };
      case 'rejected':
        if (attempt.images.length > 0) this.#refusedWithImages.add(attempt.turnId);
        return { kind: 'rejected', reason: '422' };
      case 'lost':
        return { kind: 'unknown', reason: 'lost' };
      case 'delayed':
        this.#delayed.push({ ...attempt });
        return { kind: 'unknown', reason: 'no answer' };
      case 'late':
        this.#late.push({ ...attempt });
        return { kind: 'unknown', reason: 'no answer' };
      case 'forgets':
        this.#begin(attempt, 'answered', 9).isHidden = true;
        this.#remembered.clear();
        this.#late = [];
        return { kind: 'unknown', reason: 'lost, and forgotten' };
      case 'answer-lost':
        this.#begin(attempt, 'answered', 0);
        return { kind: 'unknown', reason: 'reset' };
      case 'slow':
        this.#begin(attempt, 'answered', 2);
        return { kind: 'unknown', reason: 'reset' };
      case 'none':
      case 'silent':
      case 'failed': {
        const run = this.#begin(attempt, fault === 'none' ? 'answered' : fault, 0);
        tell({ kind: 'run', runId: run.id });
        run.isOver = true;
        return outcomeOf(run);
      }
    }
  }

  /** An attempt that was stored is sent as it was, images and all; a turn refused with images is asked without. */
  #checkFrozen({ otid, turnId, text, images }: Attempt): void {
    const sent = JSON.stringify({ text, images });
    assert.equal(this.#frozen.get(otid) ?? sent, sent, `attempt ${otid} changed`);
    if (!this.#frozen.has(otid)) assert.ok(images.length === 0 || !this.#refusedWithImages.has(turnId), 'shown again after it was refused');
    this.#frozen.set(otid, sent);
  }

  /** What every attempt is held to: never a second run of a turn beside one that lives or was answered. */
  #begin(attempt: Attempt, end: Run['end'], looksLeft: number): Run {
    const known = this.runs.find(({ otid }) => otid === attempt.otid);
    if (known !== undefined && this.#remembered.has(attempt.otid)) return known;
    const before = this.runs.filter(({ turnId }) => turnId === attempt.turnId);
    assert.ok(
      before.every((run) => run.isOver && run.end === 'failed'),
      `turn ${attempt.turnId} is asked again beside a run that lives or was answered`,
    );
    const run: Run = {
      id: `run-${this.runs.length}`,
      otid: attempt.otid,
      turnId: attempt.turnId,
      looksLeft,
      end,
      isOver: false,
      isHidden: false,
    };
    this.runs.push(run);
    this.#remembered.add(attempt.otid);
    return run;
  }

  async check(): Promise<{ kind: 'reachable'; agentName: string }> {
    return { kind: 'reachable', agentName: 'model' };
  }
  async newestMessageId(): Promise<LettaReply<string | null>> {
    return { kind: 'ok', value: null };
  }
  async cancel(): Promise<void> {}
  async findOrMakePerson(person: { key: string }): ReturnType<Letta['findOrMakePerson']> {
    this.#point();
    return { kind: 'ok', value: { identityId: `identity-${person.key}`, blockId: `block-${person.key}` } };
  }
  async attachBlock(blockId: string): Promise<LettaReply<null>> {
    this.#point();
    assert.ok(this.#attached === null || this.#attached === blockId, "a turn would run with somebody else's block attached");
    this.#attached = blockId;
    return OK;
  }
  async attachedBlocks(): Promise<LettaReply<string[]>> {
    return { kind: 'ok', value: this.#attached === null ? [] : [this.#attached] };
  }

  async detachBlock(blockId: string): Promise<LettaReply<null>> {
    this.#point();
    if (this.#attached === blockId) this.#attached = null;
    return OK;
  }
  async close(): Promise<void> {}
}

function outcomeOf(run: Run): AttemptOutcome & { kind: 'answered' | 'silent' | 'failed' } {
  switch (run.end) {
    case 'answered':
      return { kind: 'answered', messages: [`${run.turnId} one`, `${run.turnId} two`], newestMessageId: run.id };
    case 'silent':
      return { kind: 'silent', newestMessageId: run.id };
    case 'failed':
      return { kind: 'failed', reason: 'llm_api_error' };
  }
}
