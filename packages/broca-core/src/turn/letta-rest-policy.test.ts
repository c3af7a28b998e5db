import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { judgeRefusal, judgeStop, type Verdict } from './letta-rest-policy.ts';

const PENDING = 'CONFLICT: Cannot send a new message: The agent is waiting for approval on a tool call. Please approve or deny.';
const BUSY = 'CONFLICT: Cannot send a new message: Another request (run_id=run-1) is currently being processed for this conversation.';

type Case = [name: string, status: number, body: unknown, kind: Verdict['kind'], reason?: RegExp];

const refusals: Case[] = [
  ["Letta's own 401", 401, { detail: 'Unauthorized' }, 'held', /Letta does not accept the key/],
  [
    "the model provider's 401",
    401,
    { error: { type: 'llm_authentication', message: 'bad key', detail: 'd' } },
    'held',
    /provider does not accept the agent's key: bad key/,
  ],
  ['no credit', 402, { error: { type: 'llm_insufficient_credits', message: 'none left' } }, 'held', /credit/],
  ['forbidden', 403, { detail: 'Forbidden' }, 'held'],
  ['a redirect', 301, '', 'held', /redirects/],
  ['an unknown agent', 404, { detail: 'Agent with ID agent-1 not found' }, 'held', /no such agent/],
  ['an unknown agent, said by the database layer', 404, { detail: "Agent not found with id='agent-1'" }, 'held'],
  ['a block that the agent has not', 404, { detail: "Block with id 'block-1' not found for agent 'agent-1'" }, 'missing'],
  ['an unknown run', 404, { detail: 'Run not found' }, 'missing'],
  ['a route this server has not', 404, { detail: 'Not Found' }, 'missing'],
  ['an expired run', 410, { detail: 'Run was created more than 3 hours ago, and is now expired.' }, 'missing'],
  ['no identities any more', 501, '', 'missing'],
  ['an id no agent can have', 422, { trace_id: '', detail: '[{...}]', examples: ['agent-123'] }, 'held'],
  ['a message it cannot take', 422, { detail: 'Messages must not be empty' }, 'rejected'],
  ['a bad request', 400, { error: { type: 'llm_bad_request', message: 'too large' } }, 'rejected', /too large/],
  ['a message too long for a proxy', 413, '<html>Request Entity Too Large</html>', 'rejected', /^status 413$/],
  ['busy, and by whom', 409, { detail: BUSY, run_id: 'run-1' }, 'busy'],
  ['busy, by nobody knows', 409, { detail: BUSY.replace(' (run_id=run-1)', '') }, 'busy'],
  [
    'an approval pending',
    409,
    { detail: { code: 'PENDING_APPROVAL', message: PENDING, pending_request_id: 'message-1' } },
    'pending-approval',
  ],
  ['an approval pending, in words only', 409, { detail: PENDING }, 'pending-approval'],
  ['a database lock', 409, { detail: 'The resource is currently locked by another operation.' }, 'conflict'],
  ['a plain 429', 429, { error: 'Rate limited', reasons: ['too-many-requests'] }, 'unavailable'],
  ['a 429 without a body', 429, '', 'unavailable'],
  ["the provider's 429", 429, { error: { type: 'llm_rate_limit', message: 'slow down' } }, 'unavailable', /slow down/],
  ['credits used up', 429, { error: 'Rate limited', reasons: ['not-enough-credits'] }, 'held', /not-enough-credits/],
  ['a quota used up', 429, { error: 'Rate limited', reasons: ['premium-usage-exceeded'] }, 'held'],
  [
    'a limit reached',
    429,
    { error: 'Rate limited', reasons: ['too-many-requests', 'agents-limit-exceeded'] },
    'held',
    /: agents-limit-exceeded$/,
  ],
  ['no Redis', 503, { detail: 'Background streaming requires Redis to be running.' }, 'no-background'],
  ['shutting down', 503, { errorCode: 'cloud_api_shutting_down', admitted: false, retryable: true }, 'unavailable', /shutting_down/],
  ['a gateway without upstream', 503, '<html></html>', 'doubtful'],
  ['a gateway that gave up', 504, '<html></html>', 'doubtful'],
  ['a model that took too long', 504, { error: { type: 'llm_timeout', message: 'late' } }, 'failed'],
  ['a model that failed', 500, { error: { type: 'llm_error', message: 'oops' } }, 'failed'],
  ['Letta broken', 500, { detail: 'An internal server error occurred' }, 'doubtful'],
];

for (const [name, status, body, kind, reason] of refusals) {
  test(`${name} is ${kind}`, () => {
    const verdict = judgeRefusal({ status, body, retryAfterMs: null });
    assert.equal(verdict.kind, kind);
    if (reason !== undefined) assert.match('reason' in verdict ? verdict.reason : '', reason);
  });
}

test('what a refusal adds is kept: the run, the request, when to come back, who spoke', () => {
  assert.deepEqual(judgeRefusal({ status: 409, body: { detail: BUSY, run_id: 'run-1' }, retryAfterMs: null }), {
    kind: 'busy',
    runId: 'run-1',
  });
  const pending = { detail: { code: 'PENDING_APPROVAL', message: PENDING, pending_request_id: 'message-1' } };
  assert.deepEqual(judgeRefusal({ status: 409, body: pending, retryAfterMs: null }), { kind: 'pending-approval', requestId: 'message-1' });
  const limited = judgeRefusal({ status: 429, body: {}, retryAfterMs: 7_000 });
  assert.equal(limited.kind === 'unavailable' && limited.afterMs, 7_000);
  const locked = judgeRefusal({ status: 409, body: { detail: 'locked' }, retryAfterMs: null });
  assert.equal(locked.kind === 'conflict' && locked.afterMs, 1_000);
  const byGateway = judgeRefusal({ status: 502, body: '<html></html>', retryAfterMs: null });
  assert.equal(byGateway.kind === 'doubtful' && byGateway.saidByLetta, false);
  const byLetta = judgeRefusal({ status: 500, body: { detail: 'x' }, retryAfterMs: null });
  assert.equal(byLetta.kind === 'doubtful' && byLetta.saidByLetta, true);
});

test('any refusal has a verdict with a short reason of one line', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 300, max: 599 }),
      fc.oneof(
        fc.json().map((text) => JSON.parse(text)),
        fc.string(),
        fc.object(),
      ),
      (status, body) => {
        const verdict = judgeRefusal({ status, body, retryAfterMs: null });
        const reason = 'reason' in verdict ? verdict.reason : '';
        assert.ok(reason.length < 400 && !reason.includes('\n'));
      },
    ),
  );
});

const error = (type: string, message = 'x') => ({ type, message });
const stops: [stop: string, error: { type: string; message: string } | null, spoke: boolean, kind: ReturnType<typeof judgeStop>['kind']][] =
  [
    ['end_turn', null, true, 'well'],
    ['end_turn', null, false, 'well'],
    ['tool_rule', null, false, 'well'],
    ['max_steps', null, true, 'well'],
    ['max_steps', null, false, 'failed'],
    ['max_tokens_exceeded', null, false, 'failed'],
    ['requires_approval', null, true, 'needs-approval'],
    ['cancelled', null, true, 'failed'],
    ['error', error('internal_error'), false, 'failed'],
    ['error', error('internal_error', PENDING), false, 'pending-approval'],
    ['llm_api_error', error('llm_rate_limit'), true, 'failed'],
    ['llm_api_error', error('llm_authentication'), false, 'held'],
    ['llm_api_error', null, false, 'failed'],
    ['insufficient_credits', null, false, 'held'],
    ['invalid_llm_response', error('llm_empty_response'), false, 'failed'],
    ['a_reason_not_yet_known', null, true, 'failed'],
  ];

for (const [stop, why, spoke, kind] of stops) {
  test(`stop reason ${stop}${why === null ? '' : ` (${why.type})`}, ${spoke ? 'after words' : 'without words'}: ${kind}`, () => {
    assert.equal(judgeStop(stop, why, spoke).kind, kind);
  });
}
