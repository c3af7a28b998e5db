/** The refusals a real server, its proxy or Letta Cloud gives without the agent being asked; for faults of kind `status`. */
import type { Json } from './json.ts';

export type CannedAnswer = { status: number; body: Json; headers?: Record<string, string> };

function provider(status: number, type: string, message: string): CannedAnswer {
  return { status, body: { error: { type, message, detail: `${type}: simulated` } } };
}

function cloudLimit(...reasons: string[]): CannedAnswer {
  return { status: 429, body: { error: 'Rate limited', reasons } };
}

export type LettaErrorName =
  | 'unauthorized'
  | 'providerUnauthorized'
  | 'insufficientCredits'
  | 'forbidden'
  | 'providerRateLimit'
  | 'rateLimited'
  | 'outOfCredits'
  | 'quotaReached'
  | 'providerTimeout'
  | 'providerBadRequest'
  | 'providerError'
  | 'internal'
  | 'badGateway'
  | 'unavailable'
  | 'needsRedis'
  | 'shuttingDown'
  | 'databaseLocked'
  | 'deadlock'
  | 'invalid';

export const lettaErrors: Record<LettaErrorName, CannedAnswer> = {
  unauthorized: { status: 401, body: { detail: 'Unauthorized' } },
  providerUnauthorized: provider(401, 'llm_authentication', 'Authentication failed with the LLM model provider.'),
  insufficientCredits: provider(402, 'llm_insufficient_credits', 'Insufficient credits for LLM request. Please check your account.'),
  forbidden: { status: 403, body: { detail: 'Forbidden' } },
  providerRateLimit: provider(
    429,
    'llm_rate_limit',
    'Rate limit exceeded for LLM model provider. Please wait before making another request.',
  ),
  rateLimited: cloudLimit('too-many-requests'),
  outOfCredits: cloudLimit('not-enough-credits'),
  quotaReached: cloudLimit('premium-usage-exceeded'),
  providerTimeout: provider(504, 'llm_timeout', 'The LLM request timed out. Please try again.'),
  providerBadRequest: provider(400, 'llm_bad_request', 'The request to the LLM model provider was invalid.'),
  providerError: provider(500, 'llm_error', 'An error occurred with the LLM request.'),
  internal: { status: 500, body: { detail: 'An internal server error occurred' } },
  badGateway: { status: 502, body: '<html><body><h1>502 Bad Gateway</h1></body></html>', headers: { 'content-type': 'text/html' } },
  unavailable: { status: 503, body: { detail: 'The database is temporarily unavailable. Please try again later.' } },
  needsRedis: {
    status: 503,
    body: {
      detail:
        'Background streaming requires Redis to be running. Please ensure Redis is properly configured. ' +
        'LETTA_REDIS_HOST: localhost, LETTA_REDIS_PORT: 6379',
    },
  },
  shuttingDown: { status: 503, body: { errorCode: 'cloud_api_shutting_down', admitted: false, retryable: true } },
  databaseLocked: {
    status: 409,
    body: { detail: 'The resource is currently locked by another operation. Please retry shortly.' },
    headers: { 'retry-after': '1' },
  },
  deadlock: {
    status: 409,
    body: { detail: 'A database deadlock was detected. Please retry your request.' },
    headers: { 'retry-after': '1' },
  },
  invalid: {
    status: 422,
    body: {
      trace_id: '',
      detail: "[{'type': 'string_pattern_mismatch', 'loc': ('path', 'agent_id'), 'msg': 'String should match pattern'}]",
      examples: ['agent-123e4567-e89b-42d3-8456-426614174000'],
    },
  },
};
