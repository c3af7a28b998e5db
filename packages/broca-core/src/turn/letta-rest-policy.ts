/**
 * Reads what Letta answered, once: a refused request or a run's stop reason becomes one member of a
 * closed union here, and nothing past this file looks at a status code or an error type. Pure.
 */

/** A response whose status was no success. */
export type Refusal = {
  status: number;
  /** Parsed where it was JSON, else the text. */
  body: unknown;
  /** From Retry-After, in ms. */
  retryAfterMs: number | null;
};

export type Verdict =
  | { kind: 'rejected'; reason: string }
  | { kind: 'held'; reason: string }
  /** Letta ran it and the model's provider failed. */
  | { kind: 'failed'; reason: string }
  | { kind: 'unavailable'; reason: string; afterMs: number | null }
  /** Another run has the conversation; null where Letta does not say which. */
  | { kind: 'busy'; runId: string | null }
  /** The agent waits for an answer about a tool call. */
  | { kind: 'pending-approval'; requestId: string | null }
  /** This server cannot run in the background: it has no Redis, or no such route. */
  | { kind: 'no-background'; reason: string }
  /** The thing asked for (a run, a block, a route) is not there, or not any more. */
  | { kind: 'missing'; reason: string }
  /** Something else holds what is asked for: a database lock, a block of the same label. */
  | { kind: 'conflict'; reason: string; afterMs: number }
  /** A gateway gave up, or Letta broke: whether anything began is not said. */
  | { kind: 'doubtful'; reason: string; saidByLetta: boolean }
  /** It may have arrived, and no whole answer came back. Not for a refusal to say: the connection did. */
  | { kind: 'broken'; reason: string };

/** What a run's last frames say. */
export type StopVerdict =
  | { kind: 'well' }
  | { kind: 'needs-approval' }
  | { kind: 'held'; reason: string }
  | { kind: 'failed'; reason: string; isBadRequest?: boolean; isCancelled?: boolean }
  /** The run never began its work: an older tool call waits for an answer. */
  | { kind: 'pending-approval' };

export type FrameError = { type: string; message: string };

const LONGEST_REASON = 300;
const AWAITS_APPROVAL = /waiting for approval on a tool call/i;
const IN_PROCESS = /currently being processed/i;
const NEEDS_REDIS = /requires redis/i;
/** `Agent with ID agent-… not found`, `Agent not found with id=…`; not `Block … not found for agent …`. */
const AGENT_MISSING = /\bagent(?: with id \S+)? not found/i;
/** Words in the `reasons` of a 429 that no waiting mends. A plain rate limit is not among them. */
const USED_UP = /credit|quota|usage|limit/i;
const PLAIN_RATE = /^(rate|too-many)/i;
/** After a database lock or another short conflict. */
const SHORT_WAIT_MS = 1_000;

export function judgeRefusal(refusal: Refusal): Verdict {
  const { status, body } = refusal;
  const said = sayingOf(body);
  const reason = described(status, said);
  const type = errorTypeOf(body);
  if (status === 401)
    return { kind: 'held', reason: type === 'llm_authentication' ? providerKey(said) : `Letta does not accept the key: ${reason}` };
  if (status === 402 || type === 'llm_insufficient_credits') return { kind: 'held', reason: `no credit: ${reason}` };
  if (status === 403) return { kind: 'held', reason: `not allowed: ${reason}` };
  if (status >= 300 && status < 400)
    return { kind: 'held', reason: `the endpoint only redirects (${status}); write the address it redirects to` };
  if (status === 404) return AGENT_MISSING.test(said) ? { kind: 'held', reason: `no such agent: ${reason}` } : { kind: 'missing', reason };
  if (status === 405 || status === 410 || status === 501) return { kind: 'missing', reason };
  if (status === 409) return judgeConflict(refusal, said, reason);
  if (status === 422 && isAboutAgentId(body, said)) return { kind: 'held', reason: `no agent can have this id: ${reason}` };
  if (status === 429) return judgeRate(refusal, reason);
  if (status === 408 || status === 425) return { kind: 'unavailable', reason, afterMs: refusal.retryAfterMs };
  if (status === 503 && NEEDS_REDIS.test(said)) return { kind: 'no-background', reason };
  // In Letta's own words it took nothing. A gateway says it also of a connection that broke after the request went through.
  if (status === 503 && isLettas(body)) return { kind: 'unavailable', reason, afterMs: refusal.retryAfterMs };
  if (status >= 500)
    return type.startsWith('llm_')
      ? { kind: 'failed', reason }
      : { kind: 'doubtful', reason, saidByLetta: status === 500 && isLettas(body) };
  return { kind: 'rejected', reason };
}

function judgeConflict(refusal: Refusal, said: string, reason: string): Verdict {
  const { body } = refusal;
  const detail = isRecord(body) ? body['detail'] : undefined;
  if (isRecord(detail) && detail['code'] === 'PENDING_APPROVAL')
    return { kind: 'pending-approval', requestId: textIn(detail, 'pending_request_id') };
  if (AWAITS_APPROVAL.test(said)) return { kind: 'pending-approval', requestId: null };
  const runId = isRecord(body) ? textIn(body, 'run_id') : null;
  if (runId !== null || IN_PROCESS.test(said)) return { kind: 'busy', runId };
  return { kind: 'conflict', reason, afterMs: refusal.retryAfterMs ?? SHORT_WAIT_MS };
}

function judgeRate(refusal: Refusal, reason: string): Verdict {
  const reasons = isRecord(refusal.body) && Array.isArray(refusal.body['reasons']) ? refusal.body['reasons'] : [];
  const usedUp = reasons.filter((one) => typeof one === 'string' && USED_UP.test(one) && !PLAIN_RATE.test(one));
  if (usedUp.length > 0) return { kind: 'held', reason: `used up: ${cut(usedUp.join(', '))}` };
  return { kind: 'unavailable', reason, afterMs: refusal.retryAfterMs };
}

/** `spoke`: the agent said something before it stopped. */
export function judgeStop(stopReason: string, error: FrameError | null, spoke: boolean): StopVerdict {
  const why = error === null ? stopReason : `${error.type}: ${cut(error.message)}`;
  if (error !== null) {
    if (AWAITS_APPROVAL.test(error.message)) return { kind: 'pending-approval' };
    if (error.type === 'llm_authentication') return { kind: 'held', reason: providerKey(error.message) };
    if (error.type === 'llm_insufficient_credits') return { kind: 'held', reason: `no credit: ${cut(error.message)}` };
  }
  switch (stopReason) {
    case 'end_turn':
    case 'tool_rule':
      return { kind: 'well' };
    case 'requires_approval':
      return { kind: 'needs-approval' };
    case 'max_steps':
    case 'max_tokens_exceeded':
      // Cut short: what was said until then is an answer, nothing at all is none.
      return spoke ? { kind: 'well' } : { kind: 'failed', reason: `the run was cut short: ${why}` };
    case 'insufficient_credits':
      return { kind: 'held', reason: `no credit: ${why}` };
    case 'cancelled':
      return { kind: 'failed', reason: 'the run was cancelled', isCancelled: true };
    default:
      return { kind: 'failed', reason: `the run failed: ${why}`, ...(error?.type === 'llm_bad_request' ? { isBadRequest: true } : {}) };
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function textIn(record: Record<string, unknown>, key: string): string | null {
  const value = record[key];
  return typeof value === 'string' ? value : null;
}

function described(status: number, said: string): string {
  return said === '' ? `status ${status}` : `status ${status}, ${said}`;
}

function providerKey(said: string): string {
  return `the model's provider does not accept the agent's key${said === '' ? '' : `: ${cut(said)}`}`;
}

/** Gateways speak JSON as well, in other shapes. */
function isLettas(body: unknown): boolean {
  return isRecord(body) && ('detail' in body || 'error' in body || 'errorCode' in body);
}

function errorTypeOf(body: unknown): string {
  const error = isRecord(body) ? body['error'] : undefined;
  return (isRecord(error) ? textIn(error, 'type') : null) ?? '';
}

function isAboutAgentId(body: unknown, said: string): boolean {
  const examples = isRecord(body) && Array.isArray(body['examples']) ? body['examples'] : [];
  return /agent_id/.test(said) || examples.some((one) => typeof one === 'string' && one.startsWith('agent-'));
}

/** The words of an error body, whichever of Letta's shapes it has; a page of HTML says nothing to anybody. */
function sayingOf(body: unknown): string {
  if (typeof body === 'string') return body.trimStart().startsWith('<') ? '' : cut(body);
  if (!isRecord(body)) return '';
  for (const key of ['detail', 'error', 'message', 'errorCode']) {
    const value = body[key];
    if (typeof value === 'string') return cut(value);
    if (isRecord(value)) {
      const inner = textIn(value, 'message') ?? textIn(value, 'detail');
      if (inner !== null) return cut(inner);
    }
    if (Array.isArray(value)) return cut(JSON.stringify(value));
  }
  return '';
}

function cut(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length <= LONGEST_REASON ? line : `${line.slice(0, LONGEST_REASON)}…`;
}
