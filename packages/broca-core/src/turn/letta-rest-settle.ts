/**
 * Finds out what became of an attempt: the run's own record, resuming its stream (by run, or by otid),
 * active runs, the message list back to what was known before it; only then may the same otid be sent
 * again. That an otid is not known proves nothing by itself: Letta forgets it, and another never knew.
 */
import { unreachable } from 'animus-protocol';
import type { Attempt, AttemptOutcome, Settlement } from './letta.ts';
import { type Asked, answered, deny, endTurn } from './letta-rest-ask.ts';
import { judgeStop, textIn, type Verdict } from './letta-rest-policy.ts';
import { contentText, toolCallIdsOf } from './letta-rest-reading.ts';
import { type Answer, type LettaWire, plainEndpoint, type Row, type RunRecord, reasonOf, type Tell, verdictOf } from './letta-rest-wire.ts';

/** Letta drops a second sending of an otid for 3 h after the first; half an hour is kept back for clocks that disagree. */
const RESEND_WINDOW_MS = 2.5 * 60 * 60 * 1000;
/** How far our clock may run ahead of the server's before times are not compared at all. */
const CLOCK_SLACK_MS = 5 * 60 * 1000;
const RECENT_ROWS = 100;
/** Said by a server that looked for the otid. A bare `Not Found` is that of one without the route, which drops no second message. */
const OTID_UNKNOWN = /otid/i;

/** One step's finding: the end of the search, or nothing here. */
type Finding = Settlement | null;

export async function settleAttempt(wire: LettaWire, attempt: Attempt, tell: Tell, signal: AbortSignal): Promise<Settlement> {
  if (plainEndpoint(attempt.endpoint) !== wire.endpoint || attempt.agentId !== wire.agentId) {
    return undecidable('it was sent to another endpoint or agent, which cannot be asked any more', false);
  }
  if (attempt.sentAt === null) return { kind: 'resend' };
  const search = new Search(wire, attempt, tell, signal);
  const found = attempt.runId === null ? await search.byOtid() : await search.byRun(attempt.runId);
  return found ?? (await search.byTraces());
}

class Search {
  readonly #wire: LettaWire;
  readonly #attempt: Attempt;
  readonly #tell: Tell;
  readonly #signal: AbortSignal;
  /** The server deduplicates: it looked for the otid. */
  #remembers = false;
  #hadRun = false;

  constructor(wire: LettaWire, attempt: Attempt, tell: Tell, signal: AbortSignal) {
    this.#wire = wire;
    this.#attempt = attempt;
    this.#tell = tell;
    this.#signal = signal;
  }

  async byRun(runId: string): Promise<Finding> {
    this.#hadRun = true;
    const run = await this.#wire.run(runId, this.#signal);
    if (!run.ok) return run.error.kind === 'missing' ? null : notNow(run.error);
    const { status } = run.value;
    switch (status) {
      case 'failed':
      case 'cancelled':
        return over(failureOf(run.value));
      case 'completed':
        return await this.#byRunMessages(run.value);
      case 'going':
        return await this.#resume(runId);
      default:
        return unreachable(status);
    }
  }

  async #resume(runId: string): Promise<Finding> {
    const body = { starting_after: 0, include_pings: true };
    const followed = await this.#wire.follow(
      (client, until) => client.runs.messages.stream(runId, body, { signal: until, maxRetries: 0 }),
      this.#tell,
      this.#signal,
    );
    if (followed.kind === 'ended') return settled(await endTurn(this.#wire, followed, this.#attempt, this.#tell, this.#signal));
    const why = followed.kind === 'lost' ? followed.reason : reasonOf(verdictOf(followed.trouble));
    return { kind: 'later', cause: 'going', reason: `its run still goes; ${why}` };
  }

  /** The rows of a completed run are all there; only what followed on a denied tool call is in other runs. */
  async #byRunMessages(run: RunRecord): Promise<Finding> {
    if (run.stopReason === 'requires_approval') return null;
    const rows = await this.#wire.runMessages(run.id, this.#signal);
    if (!rows.ok) return rows.error.kind === 'missing' ? null : notNow(rows.error);
    const said = saidIn(rows.value);
    const verdict = judgeStop(run.stopReason ?? 'end_turn', run.error, said.length > 0);
    if (verdict.kind !== 'well') return over({ kind: 'failed', reason: 'reason' in verdict ? verdict.reason : verdict.kind });
    return settled(answered(said, newestOf(rows.value)));
  }

  async byOtid(): Promise<Finding> {
    const body = { agent_id: this.#wire.agentId, otid: this.#attempt.otid, starting_after: 0, include_pings: true };
    const followed = await this.#wire.follow(
      (client, until) => client.conversations.messages.stream('default', body, { signal: until, maxRetries: 0 }),
      this.#tell,
      this.#signal,
    );
    if (followed.kind === 'ended') return settled(await endTurn(this.#wire, followed, this.#attempt, this.#tell, this.#signal));
    if (followed.kind === 'lost') {
      const { runId } = followed.reading;
      if (this.#signal.aborted) return { kind: 'later', cause: 'going', reason: followed.reason };
      return runId === null ? { kind: 'later', cause: 'unreachable', reason: followed.reason } : await this.byRun(runId);
    }
    const verdict = verdictOf(followed.trouble);
    // 400 and 422: a run of the foreground, or a server that knows no otids.
    if (verdict.kind !== 'missing' && verdict.kind !== 'no-background' && verdict.kind !== 'rejected') return notNow(verdict);
    this.#remembers = verdict.kind === 'missing' && OTID_UNKNOWN.test(verdict.reason);
    return null;
  }

  /** Nothing could be found by name: looks at all that the agent does and did since. */
  async byTraces(): Promise<Settlement> {
    const active = await this.#activeSince();
    if (!active.ok) return active.settlement;
    if (active.runs.length > 0) return { kind: 'later', cause: 'going', reason: 'a run of this agent still goes, perhaps this one' };
    const rows = await this.#rowsSince();
    if (!rows.ok) return rows.settlement;
    const at = rows.value.findIndex((row) => textIn(row, 'otid') === this.#attempt.otid && textIn(row, 'message_type') === 'user_message');
    if (at !== -1) return await this.#byRows(rows.value.slice(at));
    if (this.#hadRun) return undecidable('its run is over or gone and left no message', true);
    return this.#mayResend();
  }

  /** From the turn's own message on. */
  async #byRows(from: readonly Row[]): Promise<Settlement> {
    const own = turnRows(from);
    const said = saidIn(own);
    const runs = await this.#runsOf(own);
    if (!runs.ok) return notNow(runs.error);
    if (runs.value.some(({ status }) => status === 'going')) return { kind: 'later', cause: 'going', reason: 'its run still goes' };
    const broken = runs.value.find(({ status }) => status !== 'completed');
    if (broken !== undefined) return over(failureOf(broken));
    const pending = stillPending(own);
    if (pending.length > 0) {
      const denied = await deny(this.#wire, pending, `${this.#attempt.otid}-deny-1`, () => undefined, this.#signal);
      return settled(await endTurn(this.#wire, denied, this.#attempt, this.#tell, this.#signal, said));
    }
    if (said.length === 0 && runs.value.length === 0)
      return undecidable('the agent has the message, and nothing tells whether it was done with it', true);
    return settled(answered(said, newestOf(own)));
  }

  /** The turn's own run, and those that went on after a denied tool call; runs nobody remembers are left out. */
  async #runsOf(rows: readonly Row[]): Promise<Answer<RunRecord[]>> {
    const runs: RunRecord[] = [];
    for (const id of new Set(rows.map((row) => textIn(row, 'run_id')).filter((one) => one !== null))) {
      const run = await this.#wire.run(id, this.#signal);
      if (run.ok) runs.push(run.value);
      else if (run.error.kind !== 'missing') return run;
    }
    return { ok: true, value: runs };
  }

  #mayResend(): Settlement {
    if (!this.#remembers) return undecidable('this Letta does not tell repeated messages from new ones', false);
    const ageMs = this.#wire.serverNow() - (this.#attempt.sentAt ?? Number.NEGATIVE_INFINITY);
    if (ageMs < -CLOCK_SLACK_MS || ageMs > RESEND_WINDOW_MS) {
      return undecidable('Letta has no trace of it, and it is too old to be sent again safely', false);
    }
    return { kind: 'resend' };
  }

  async #activeSince(): Promise<{ ok: true; runs: RunRecord[] } | { ok: false; settlement: Settlement }> {
    const active = await this.#wire.activeRuns(this.#signal);
    if (!active.ok) return { ok: false, settlement: notNow(active.error) };
    const since = (this.#attempt.sentAt ?? 0) - CLOCK_SLACK_MS;
    return { ok: true, runs: active.value.filter((run) => run.status === 'going' && (run.createdAt === null || run.createdAt >= since)) };
  }

  async #rowsSince(): Promise<{ ok: true; value: Row[] } | { ok: false; settlement: Settlement }> {
    const { seenMessageId, otid } = this.#attempt;
    if (seenMessageId !== null) {
      const rows = await this.#wire.messagesAfter(seenMessageId, this.#signal);
      if (rows.ok) return rows;
      // The message known then may have been deleted since; anything else is no answer.
      if (rows.error.kind !== 'missing' && rows.error.kind !== 'rejected') return { ok: false, settlement: notNow(rows.error) };
    }
    const recent = await this.#wire.newestMessages(RECENT_ROWS, this.#signal);
    if (!recent.ok) return { ok: false, settlement: notNow(recent.error) };
    if (recent.value.length < RECENT_ROWS || recent.value.some((row) => textIn(row, 'otid') === otid))
      return { ok: true, value: recent.value.toReversed() };
    const all = await this.#wire.messagesAfter(null, this.#signal);
    return all.ok ? all : { ok: false, settlement: notNow(all.error) };
  }
}

function over(outcome: (Settlement & { kind: 'over' })['outcome']): Settlement {
  return { kind: 'over', outcome };
}

/** What following a run to its end gives, as a settlement. */
function settled(asked: Asked): Settlement {
  switch (asked.kind) {
    case 'answered':
    case 'silent':
    case 'rejected':
    case 'failed':
      return { kind: 'over', outcome: asked };
    // The run is over and failed; why a person must mend something is told by the next attempt.
    case 'held':
      return { kind: 'over', outcome: { kind: 'failed', reason: asked.reason } };
    case 'unavailable':
      return { kind: 'over', outcome: { kind: 'failed', reason: asked.reason } };
    case 'unknown':
    case 'doubtful':
      return { kind: 'later', cause: 'unreachable', reason: asked.reason };
    default:
      return unreachable(asked);
  }
}

function notNow(verdict: Verdict): Settlement {
  return { kind: 'later', cause: verdict.kind === 'held' ? 'held' : 'unreachable', reason: reasonOf(verdict) };
}

function undecidable(reason: string, hasTrace: boolean): Settlement {
  return { kind: 'undecidable', reason, hasTrace };
}

function failureOf(run: RunRecord): AttemptOutcome & { kind: 'failed' } {
  const verdict = judgeStop(run.status === 'cancelled' ? 'cancelled' : (run.stopReason ?? 'error'), run.error, false);
  if (verdict.kind === 'failed') return verdict;
  return { kind: 'failed', reason: 'reason' in verdict ? verdict.reason : 'the run failed' };
}

/** Up to the next message of a user: what comes after that is another turn's. */
function turnRows(from: readonly Row[]): Row[] {
  const runId = textIn(from[0] ?? {}, 'run_id');
  const end = from.findIndex(
    (row, at) => at > 0 && textIn(row, 'message_type') === 'user_message' && (runId === null || textIn(row, 'run_id') !== runId),
  );
  return from.slice(0, end === -1 ? undefined : end);
}

function saidIn(rows: readonly Row[]): string[] {
  return rows.filter((row) => textIn(row, 'message_type') === 'assistant_message').map((row) => contentText(row['content']));
}

function newestOf(rows: readonly Row[]): string | null {
  return textIn(rows.at(-1) ?? {}, 'id');
}

/** Tool calls of a request for approval that nothing follows. */
function stillPending(rows: readonly Row[]): string[] {
  const last = rows.at(-1) ?? {};
  return textIn(last, 'message_type') === 'approval_request_message' ? toolCallIdsOf(last) : [];
}
