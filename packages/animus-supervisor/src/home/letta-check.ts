/** Asks a Letta whether endpoint, key and agent fit together, before anything is built for them. */
import { type AgentId, failed, ok, type Result } from 'animus-protocol';

const DEADLINE_MS = 10_000;
const WITHOUT_CHECK = 'To deploy it anyway, add --no-check';

export type LettaQuestion = { endpoint: string; id: AgentId; key: string; signal: AbortSignal };

export type LettaAnswer = {
  /** Never holds the key, and says what to do next; null: endpoint, key and agent fit together. */
  fault: string | null;
  /** It may pass, or be of no matter to who deploys. */
  isFaultPassing: boolean;
  /** What its Date header told (whole seconds), and our clock in the middle of the question; ms of the epoch. */
  clock: { theirs: number; ours: number } | null;
};

/** The error never holds the key, and says what to do next. */
export async function checkLetta(question: LettaQuestion): Promise<Result<null, string>> {
  const { fault, isFaultPassing } = await askLetta(question, Date.now);
  if (fault === null) return ok(null);
  return failed(isFaultPassing ? `${fault}. ${WITHOUT_CHECK}` : fault);
}

export async function askLetta({ endpoint, id, key, signal }: LettaQuestion, now: () => number): Promise<LettaAnswer> {
  try {
    const since = now();
    const response = await fetch(`${endpoint}/v1/agents/${id}`, {
      headers: { Authorization: `Bearer ${key}`, Accept: 'application/json' },
      signal: AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]),
    });
    const ours = (since + now()) / 2;
    const theirs = Date.parse(response.headers.get('date') ?? '');
    // The header cuts the fraction off: in the mean half a second.
    const clock = Number.isNaN(theirs) ? null : { theirs: theirs + 500, ours };
    return { ...judge(response.status, await response.text(), endpoint, id), clock };
  } catch (error) {
    if (signal.aborted) return { fault: 'interrupted', isFaultPassing: false, clock: null };
    return { fault: `Letta at ${endpoint} cannot be reached (${reasonOf(error)})`, isFaultPassing: true, clock: null };
  }
}

function judge(status: number, body: string, endpoint: string, id: AgentId): Omit<LettaAnswer, 'clock'> {
  const lasting = (fault: string): Omit<LettaAnswer, 'clock'> => ({ fault, isFaultPassing: false });
  const passing = (fault: string): Omit<LettaAnswer, 'clock'> => ({ fault, isFaultPassing: true });
  if (status === 401 || status === 403)
    return lasting(`Letta at ${endpoint} does not take this key (${status}): look at the key, and whether it belongs to this Letta`);
  if (status === 404 && isJson(body))
    return lasting(
      `Letta at ${endpoint} has no agent ${id}: look at the id in Letta, whether the key belongs to the same project, and at the address${pathOf(endpoint)}`,
    );
  if (status === 422)
    return passing(
      `Letta at ${endpoint} does not take ${id} for an agent's id (422): Letta's ids look like agent-721679f6-c8af-4e01-8677-dc042dc80368`,
    );
  if (status !== 200) return passing(`${endpoint} answered ${status} where Letta would describe the agent: look at the address`);
  return isJson(body)
    ? { fault: null, isFaultPassing: false }
    : passing(`${endpoint} answers, but not as Letta's API does: look at the address`);
}

/** Letta itself has no path; only something in front of it gives it one. */
function pathOf(endpoint: string): string {
  const { pathname } = new URL(endpoint);
  return pathname === '/' ? '' : `, whose path ${pathname} may be wrong`;
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
