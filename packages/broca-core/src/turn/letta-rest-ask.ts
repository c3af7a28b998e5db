/**
 * Sends an attempt and follows it to its end: through the deduplicating conversation route in the
 * background; where the server has no Redis, in the foreground; tool calls that want approval are
 * denied until the turn ends, since a chat user never gets a tool approved.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { unreachable } from 'animus-protocol';
import { attachmentLine } from '../attachments/lines-policy.ts';
import type { Attempt, AttemptOutcome } from './letta.ts';
import type { Followed } from './letta-rest-follow.ts';
import { isRecord, textIn, type Verdict } from './letta-rest-policy.ts';
import { toolCallIdsOf } from './letta-rest-reading.ts';
import { type ContentPart, type LettaWire, type Row, reasonOf, type SendRoute, type Tell, verdictOf } from './letta-rest-wire.ts';

/** A run that asks for approval again and again is cut off; so many times an agent may try another tool. */
const MOST_DENIALS = 10;
/** The conversation of others is waited for this long within one attempt; then the turn goes back to the queue. */
const LONGEST_BUSY_MS = 60_000;
const FIRST_BUSY_LOOK_MS = 50;
const LONGEST_BUSY_LOOK_MS = 2_000;
const AFTER_BUSY_MS = 1_000;
const RECENT_ROWS = 50;
const DENIAL = 'Denied: nobody in this chat can approve tool calls. Answer without this tool.';

/** Ends of an ask; `doubtful` needs a second look before it can be told. */
export type Asked = AttemptOutcome | { kind: 'doubtful'; reason: string; saidByLetta: boolean };

export async function askAttempt(wire: LettaWire, attempt: Attempt, tell: Tell, signal: AbortSignal, route: SendRoute): Promise<Asked> {
  const patience = new Patience();
  const content = await contentOf(wire, attempt);
  for (let denied = 0; ; ) {
    const followed = await wire.send([{ role: 'user', content, otid: attempt.otid }], tell, signal, route);
    if (followed.kind !== 'trouble') return await endTurn(wire, followed, attempt, tell, signal);
    const verdict = verdictOf(followed.trouble);
    if (signal.aborted) return { kind: 'unknown', reason: 'it was not waited for any longer' };
    if (verdict.kind === 'busy' && !patience.isOver) {
      await patience.waitFor(wire, verdict.runId, signal);
    } else if (verdict.kind === 'pending-approval' && denied < MOST_DENIALS) {
      denied += 1;
      const refused = await denyPending(wire, verdict.requestId, signal);
      if (refused !== null) return refused;
    } else {
      return verdict.kind === 'doubtful' ? verdict : asAside(verdict);
    }
  }
}

/** The text, and after it the images that are still there. An image that is gone is said to be: the otid stays, and so must its turn. */
async function contentOf(wire: LettaWire, { text, images }: Attempt): Promise<string | ContentPart[]> {
  if (images.length === 0) return text;
  const parts: ContentPart[] = [{ type: 'text', text }];
  for (const image of images) {
    const bytes = await wire.readImage(image);
    if (bytes === null) {
      parts.push({ type: 'text', text: attachmentLine(image, { kind: 'gone' }) });
      continue;
    }
    const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
    parts.push({ type: 'image', source: { type: 'base64', media_type: image.type, data } });
  }
  return parts;
}

/** What a followed run came to; denies what it wants approved, and follows on. */
export async function endTurn(
  wire: LettaWire,
  first: Followed,
  attempt: Attempt,
  tell: Tell,
  signal: AbortSignal,
  before: string[] = [],
): Promise<Asked> {
  const said = [...before];
  let followed = first;
  for (let denied = 0; ; denied += 1) {
    if (followed.kind === 'trouble')
      return { kind: 'unknown', reason: `after a denied tool call: ${reasonOf(verdictOf(followed.trouble))}` };
    if (followed.kind === 'lost') return { kind: 'unknown', reason: followed.reason };
    const { reading } = followed;
    said.push(...reading.said);
    const end = reading.verdict;
    switch (end.kind) {
      case 'well':
        return answered(said, reading.newestMessageId);
      case 'held':
      case 'failed':
        return end;
      case 'pending-approval': {
        const refused = await denyPending(wire, null, signal);
        return refused ?? { kind: 'unavailable', reason: 'an older tool call waited for approval; it was denied', afterMs: 0 };
      }
      case 'needs-approval':
        if (denied >= MOST_DENIALS) return { kind: 'failed', reason: `it asked ${denied + 1} times for a tool to be approved` };
        followed = await deny(wire, reading.toolCallIds, `${attempt.otid}-deny-${denied + 1}`, keepRun(tell), signal);
        break;
      default:
        return unreachable(end);
    }
  }
}

export function answered(said: string[], newestMessageId: string | null): AttemptOutcome {
  return said.length === 0 ? { kind: 'silent', newestMessageId } : { kind: 'answered', messages: said, newestMessageId };
}

/** The attempt keeps the run it started: from there on everything can be found again. */
function keepRun(tell: Tell): Tell {
  return (news) => {
    if (news.kind !== 'run') tell(news);
  };
}

export function deny(wire: LettaWire, toolCallIds: readonly string[], otid: string, tell: Tell, signal: AbortSignal): Promise<Followed> {
  wire.log?.info('letta-approval-denied', { toolCalls: toolCallIds.length });
  const approvals = toolCallIds.map((id) => ({ type: 'approval' as const, tool_call_id: id, approve: false as const, reason: DENIAL }));
  return wire.send([{ type: 'approval', approvals, otid }], tell, signal);
}

/**
 * Denies what an older turn wants approved. What the agent says to that belongs to the older turn and
 * is not delivered. Null when the way is free.
 */
async function denyPending(wire: LettaWire, requestId: string | null, signal: AbortSignal): Promise<AttemptOutcome | null> {
  const rows = await wire.newestMessages(RECENT_ROWS, signal);
  if (!rows.ok) return asAside(rows.error);
  let toolCallIds = pendingIn(rows.value, requestId);
  for (let round = 1; round <= MOST_DENIALS; round += 1) {
    if (toolCallIds.length === 0)
      return { kind: 'unavailable', reason: 'a tool call waits for approval and cannot be found', afterMs: null };
    const followed = await deny(wire, toolCallIds, `deny-${toolCallIds.join('-')}`, () => undefined, signal);
    if (followed.kind === 'trouble') return asAside(verdictOf(followed.trouble));
    if (followed.kind === 'lost')
      return { kind: 'unavailable', reason: `a tool call was denied; ${followed.reason}`, afterMs: AFTER_BUSY_MS };
    if (followed.reading.verdict.kind !== 'needs-approval') return null;
    toolCallIds = followed.reading.toolCallIds;
  }
  return { kind: 'unavailable', reason: 'the agent goes on asking for tools to be approved', afterMs: null };
}

/** Rows are newest first. */
export function pendingIn(rows: readonly Row[], requestId: string | null): string[] {
  const requests = rows.filter((row) => textIn(row, 'message_type') === 'approval_request_message');
  const request = requests.find((row) => textIn(row, 'id') === requestId) ?? requests[0];
  return isRecord(request) ? toolCallIdsOf(request) : [];
}

/** Waits for a conversation that others have: looks more and more seldom, and not for ever. */
class Patience {
  #leftMs = LONGEST_BUSY_MS;
  #stepMs = FIRST_BUSY_LOOK_MS;

  get isOver(): boolean {
    return this.#leftMs <= 0;
  }

  /** Until that run is over; where none is named, sending again is the only way to look. */
  async waitFor(wire: LettaWire, runId: string | null, signal: AbortSignal): Promise<void> {
    do {
      await pause(this.#stepMs, undefined, { signal }).catch(() => undefined);
      this.#leftMs -= this.#stepMs;
      this.#stepMs = Math.min(this.#stepMs * 2, LONGEST_BUSY_LOOK_MS);
    } while (!signal.aborted && !this.isOver && runId !== null && (await wire.lookAtRun(runId, signal)) === 'going');
  }
}

/** A verdict on a request that began no run of ours. */
function asAside(verdict: Verdict): AttemptOutcome {
  switch (verdict.kind) {
    case 'rejected':
    case 'held':
    case 'failed':
    case 'unavailable':
      return verdict;
    case 'broken':
      return { kind: 'unknown', reason: verdict.reason };
    case 'busy':
      return { kind: 'unavailable', reason: reasonOf(verdict), afterMs: AFTER_BUSY_MS };
    case 'conflict':
      return { kind: 'unavailable', reason: verdict.reason, afterMs: verdict.afterMs };
    case 'pending-approval':
    case 'no-background':
    case 'missing':
    case 'doubtful':
      return { kind: 'unavailable', reason: reasonOf(verdict), afterMs: null };
    default:
      return unreachable(verdict);
  }
}
