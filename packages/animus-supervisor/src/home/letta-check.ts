/** Asks a Letta whether endpoint, key and agent fit together, before anything is built for them. */
import { type AgentId, failed, ok, type Result } from 'animus-protocol';

const DEADLINE_MS = 10_000;
const WITHOUT_CHECK = 'To deploy it anyway, add --no-check';

export type LettaQuestion = { endpoint: string; id: AgentId; key: string; signal: AbortSignal };

/** The error never holds the key, and says what to do next. */
export async function checkLetta({ endpoint, id, key, signal }: LettaQuestion): Promise<Result<null, string>> {
  let response: Response;
  try {
    response = await fetch(`${endpoint}/v1/agents/${id}`, {
      headers: { Authorization: `Bearer ${key}`, Accept: 'application/json' },
      signal: AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]),
    });
    return judge(response.status, await response.text(), endpoint, id);
  } catch (error) {
    if (signal.aborted) return failed('interrupted');
    return failed(`Letta at ${endpoint} cannot be reached (${reasonOf(error)}). ${WITHOUT_CHECK}`);
  }
}

function judge(status: number, body: string, endpoint: string, id: AgentId): Result<null, string> {
  if (status === 401 || status === 403)
    return failed(`Letta at ${endpoint} does not take this key (${status}): look at the key, and whether it belongs to this Letta`);
  if (status === 404 && isJson(body))
    return failed(
      `Letta at ${endpoint} has no agent ${id}: look at the id in Letta, whether the key belongs to the same project, and at the address`,
    );
  if (status === 422)
    return failed(
      `Letta at ${endpoint} does not take ${id} for an agent's id (422): Letta's ids look like agent-721679f6-c8af-4e01-8677-dc042dc80368. ${WITHOUT_CHECK}`,
    );
  if (status !== 200)
    return failed(`${endpoint} answered ${status} where Letta would describe the agent: look at the address. ${WITHOUT_CHECK}`);
  return isJson(body) ? ok(null) : failed(`${endpoint} answers, but not as Letta's API does: look at the address. ${WITHOUT_CHECK}`);
}

function isJson(text: string): boolean {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null;
  } catch {
    return false;
  }
}

/** fetch says only "fetch failed"; why is in its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${DEADLINE_MS / 1000} s`;
  const { cause } = error;
  if (cause instanceof AggregateError) return reasonOf(cause.errors[0]);
  return cause instanceof Error ? cause.message || reasonOf(cause) : error.message;
}
