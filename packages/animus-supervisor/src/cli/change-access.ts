/**
 * `rotate-key` and `set-endpoint`: the new value is checked against Letta with what stays, written into `.env` in one
 * rename, and applied by a restart that finishes the turn in hand, or leaves it to be looked up by the next start.
 */
import { type AgentId, EXIT, type ExitCode, failed, fingerprint, ok, parseEnvironment, type Result } from 'animus-protocol';
import { changeEnvironment } from '../home/agent-environment.ts';
import { checkLetta } from '../home/letta-check.ts';
import { agentPaths } from '../home/paths.ts';
import { chooseAgent } from './agents.ts';
import { ask, describeFailure } from './client.ts';
import type { CliContext } from './context.ts';
import { readText } from './read-text.ts';
import { whyFallen } from './settle.ts';
import { askStatus } from './supervisor.ts';

export type Change = { endpoint: string } | { key: string };

export type ChangeOptions = { isChecked: boolean; json: boolean };

type Applied = { phase: string; message: string | null };

export async function changeAccess(
  id: AgentId,
  change: Change,
  { isChecked, json }: ChangeOptions,
  context: CliContext,
): Promise<ExitCode> {
  const { screen } = context;
  const written = await writeChange(id, change, isChecked, context);
  if (!written.ok) {
    screen.complain(`${written.error}\nNothing was changed.`);
    return EXIT.failed;
  }
  const applied = await apply(id, context);
  if (json) screen.printJson({ id, ...written.value, ...applied });
  else {
    screen.print(`${id} has ${describe(change)}${applied.phase === 'ready' ? ', and works with it' : ''}`);
    if (applied.phase === 'stopped') screen.print(`It does not run now; it uses it from its next start on: animus start ${id}`);
  }
  if (applied.message !== null) screen.complain(applied.message);
  return applied.message === null ? EXIT.done : EXIT.failed;
}

/** Finds the agent a command is about, or tells why not. */
export function agentOf(word: string, { home, screen }: CliContext): AgentId | null {
  const id = chooseAgent(home.home, word);
  if (id.ok) return id.value;
  screen.complain(id.error);
  return null;
}

type Shown = { endpoint: string; key: string };

async function writeChange(id: AgentId, change: Change, isChecked: boolean, context: CliContext): Promise<Result<Shown, string>> {
  const agent = agentPaths(context.home.home, id);
  const text = readText(agent.environment);
  if (text === null) return failed(`${id} has no .env that can be read: look at animus health ${id}`);
  const { environment } = parseEnvironment(text);
  const endpoint = 'endpoint' in change ? change.endpoint : environment.AGENT_ENDPOINT;
  const key = 'key' in change ? change.key : environment.AGENT_API_KEY;
  if (endpoint === undefined) return failed('.env has no AGENT_ENDPOINT to try the key at: animus set-endpoint first');
  if (key === undefined) return failed('.env has no AGENT_API_KEY to try the endpoint with: animus rotate-key first');
  if (isChecked) {
    const checked = await checkLetta({ endpoint, id, key, signal: context.interruption() });
    if (!checked.ok) return failed(checked.error.replace('To deploy it anyway, add --no-check', 'To change it anyway, add --no-check'));
  }
  const changed = changeEnvironment(agent, text, 'key' in change ? { AGENT_API_KEY: key } : { AGENT_ENDPOINT: endpoint });
  return changed.ok ? ok({ endpoint, key: fingerprint(key) }) : changed;
}

/** A Broca that the supervisor knows is restarted, and waited for; one that is stopped stays so. */
async function apply(agent: AgentId, { home }: CliContext): Promise<Applied> {
  const status = await askStatus(home.socket);
  const found = status.ok ? status.value.agents.find(({ id }) => id === agent) : undefined;
  if (found === undefined || found.wanted === 'stopped') return { phase: 'stopped', message: null };
  const restarted = await ask(home.socket, { kind: 'restart', agent }, { timeoutMs: null });
  const fallen = restarted.ok ? await whyFallen(agent, home.socket) : { phase: 'unknown', message: describeFailure(restarted.error) };
  if (fallen === null) return { phase: 'ready', message: null };
  return { phase: fallen.phase, message: `it is written, but the agent is not ready: ${fallen.message}\nLook at: animus health ${agent}` };
}

function describe(change: Change): string {
  return 'key' in change ? `a new key (${fingerprint(change.key)})` : `the endpoint ${change.endpoint}`;
}
