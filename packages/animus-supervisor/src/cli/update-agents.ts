/** update and upgrade: agents one by one, until all are done or the first cannot be. */
import { type AgentId, EXIT, type ExitCode, ok, type Result } from 'animus-protocol';
import type { Installation } from '../home/installation.ts';
import { agentPaths } from '../home/paths.ts';
import { currentRelease } from '../home/release-file.ts';
import { ensureRuntime } from '../home/runtime.ts';
import { cleanRuntimes } from '../release/clean.ts';
import { type Checked, checkUpdate, type Prepared, type PrepareRequest, prepareRelease } from '../release/prepare.ts';
import { chooseAgents, missingHome } from './agents.ts';
import { ask } from './client.ts';
import type { CliContext } from './context.ts';
import { readFleetConfig } from './fleet-config.ts';
import { indented, mark } from './render.ts';
import { asOnlyUpdate, switchAgent } from './switch-agent.ts';

const RESCAN_MS = 10_000;

export type UpdateOrder = {
  kind: 'update' | 'upgrade';
  words: readonly string[];
  /** Whether no words mean all. */
  isAllAssumed: boolean;
  ref: string | null;
  json: boolean;
};

/** One agent's line. */
export type UpdateOutcome = {
  id: AgentId;
  ok: boolean;
  /** `mended`: nothing is newer, but it could not run, and can again. */
  outcome: 'updated' | 'unchanged' | 'mended' | 'would-change' | 'failed';
  message: string;
  /** Names of releases; null where it did not come so far. */
  from: string | null;
  to: string | null;
  ownCommits: readonly string[];
  edited: readonly string[];
  brings: readonly string[];
  /** What ran before and is not in it. */
  drops: readonly string[];
};

export type AskedAgents = { ids: AgentId[]; base: Omit<PrepareRequest, 'id'>; installation: Installation };

/** The agents that are meant, and what all of them are prepared with; or the exit code, when that cannot be. */
export function readOrder(order: UpdateOrder, context: CliContext): AskedAgents | ExitCode {
  const { home, screen } = context;
  const missing = missingHome(home.home);
  const agents = missing === null ? chooseAgents(home.home, order.words, order.isAllAssumed) : { ok: false as const, error: missing };
  if (!agents.ok) {
    screen.complain(agents.error);
    return order.words.length === 0 && missing === null ? EXIT.usage : EXIT.failed;
  }
  const installation = context.installation();
  const config = readFleetConfig(home);
  if (!installation.ok || !config.ok) {
    for (const part of [installation, config]) if (!part.ok) screen.complain(part.error);
    return config.ok ? EXIT.failed : EXIT.configuration;
  }
  const base = {
    home: home.home,
    installation: installation.value,
    source: config.value.broca,
    ref: order.ref,
    kind: order.kind,
    now: new Date(context.now()),
    signal: context.interruption(),
    report: (step: string) => screen.complain(screen.paint('dim', `${step} …`)),
  };
  return { ids: agents.value, base, installation: installation.value };
}

export async function updateAgents(order: UpdateOrder, context: CliContext): Promise<ExitCode> {
  const asked = readOrder(order, context);
  if (typeof asked === 'number') return asked;
  const { ids, base, installation } = asked;
  const outcomes: UpdateOutcome[] = [];
  const ill = ids.filter((id) => !canRun(base.home, id));
  const runtime = ensureRuntime(base.home, installation);
  if (runtime.made === 'again') context.screen.complain(`the runtime ${runtime.version} was damaged and is made again`);
  // Who could not start for want of it is tried again.
  if (runtime.made !== null) await tryBrokenAgain(context);
  for (const id of ids) {
    const outcome = await updateOne({ ...base, id }, ill.includes(id), context);
    outcomes.push(outcome);
    if (!order.json) print(outcome, context);
    if (!outcome.ok) break;
  }
  const isDone = outcomes.every(({ ok: isOk }) => isOk);
  const left = ids.slice(outcomes.length);
  const removed = isDone ? await cleanRuntimes(base.home, runtime.version) : [];
  if (order.json) {
    const { version, made } = runtime;
    context.screen.printJson({ agents: outcomes, notTried: left, runtime: version, madeRuntime: made, removedRuntimes: removed });
  } else tellRest(ids.length, left, removed, context);
  return isDone ? EXIT.done : EXIT.failed;
}

function tellRest(count: number, left: readonly AgentId[], removed: readonly string[], { screen }: CliContext): void {
  if (count === 0) screen.print('no agent is deployed yet; deploy one with: animus deploy <id> <endpoint>');
  if (left.length > 0) screen.complain(`not tried, because the one before failed: ${left.join(', ')}`);
  for (const version of removed) screen.print(`removed the runtime ${version}: nobody runs on it any more`);
}

function canRun(home: string, id: AgentId): boolean {
  return currentRelease(home, agentPaths(home, id)).ok;
}

/** Agents that are broken for what was just mended; without a supervisor the next one does it. */
async function tryBrokenAgain({ home }: CliContext): Promise<void> {
  await ask(home.socket, { kind: 'rescan' }, { timeoutMs: RESCAN_MS });
}

async function updateOne(request: PrepareRequest, wasIll: boolean, context: CliContext): Promise<UpdateOutcome> {
  const { id } = request;
  const done = await asOnlyUpdate(id, context, async (): Promise<Result<UpdateOutcome, string>> => {
    const prepared = await prepareRelease(request);
    if (!prepared.ok) return prepared;
    const shown = shortName(prepared.value.to);
    if (!prepared.value.isNew && wasIll) {
      await tryBrokenAgain(context);
      return ok(describe(id, prepared.value, 'mended', `could not run for want of its release or its runtime; it can again (${shown})`));
    }
    if (!prepared.value.isNew) return ok(describe(id, prepared.value, 'unchanged', `is up to date (${shown})`));
    const switched = await switchAgent(id, context);
    if (!switched.ok) return switched;
    const { from, to } = prepared.value;
    const kept = switched.value.message.includes(';') ? switched.value.message.slice(switched.value.message.indexOf(';')) : '';
    return ok(describe(id, prepared.value, 'updated', `is updated: ${shortName(from)} → ${shortName(to)}${kept}`));
  });
  return done.ok ? done.value : failedOutcome(id, done.error);
}

/** What an update would do. A conflict is a failure: the update would be one, too. */
export async function checkOne(request: PrepareRequest, context: CliContext): Promise<UpdateOutcome> {
  const { id } = request;
  const done = await asOnlyUpdate(id, context, async () => await checkUpdate(request));
  if (!done.ok) return failedOutcome(id, done.error);
  const { renewed, from, change } = done.value;
  const { brings, drops, edited, ownCommits } = renewed;
  const outcome = change === null ? 'unchanged' : 'would-change';
  return { id, ok: true, outcome, message: describeCheck(done.value), from, to: null, ownCommits, edited, brings, drops };
}

function describeCheck({ renewed, source, change }: Checked): string {
  const { upstream, brings, drops } = renewed;
  const target = `${shortName(upstream.commit)} (${upstream.name} of ${source})`;
  if (drops.length > 0 && brings.length === 0) return `would go back to ${target}`;
  if (brings.length > 0) return `would move to ${target}`;
  const has = `has all of ${upstream.name} of ${source}`;
  if (change === null) return has;
  const why = { commit: 'its own commits', edits: 'what was edited in its clone or its plugins', runtime: 'the newer runtime' }[change];
  return `${has}; would be built anew, for ${why}`;
}

function describe(id: AgentId, prepared: Prepared, outcome: UpdateOutcome['outcome'], message: string): UpdateOutcome {
  const { from, to, left, renewed } = prepared;
  const { ownCommits = [], edited = [], brings = [], drops = [] } = renewed ?? {};
  const rolledBack =
    left === null ? '' : `; ${shortName(left)}, which was rolled back, is left out: animus update ${id} goes forward when you want to`;
  return { id, ok: true, outcome, message: message + rolledBack, from, to, ownCommits, edited, brings, drops };
}

function failedOutcome(id: AgentId, message: string): UpdateOutcome {
  return { id, ok: false, outcome: 'failed', message, from: null, to: null, ownCommits: [], edited: [], brings: [], drops: [] };
}

export function print({ id, ok: isOk, message, ownCommits, edited, brings, drops }: UpdateOutcome, { screen }: CliContext): void {
  screen.print(`${mark(screen, isOk)} ${id}: ${indented(message)}`);
  const lists = [
    ['brings', brings],
    ['drops', drops],
    ['own commits, kept', ownCommits],
    ['own edits, kept', edited],
  ] as const;
  for (const [title, lines] of lists) {
    if (lines.length > 0) screen.print(`  ${title}:\n${lines.map((line) => `    ${line}`).join('\n')}`);
  }
}

/** The first ten digits of a commit, and the number of the build where there were several. */
export function shortName(release: string): string {
  return release.replace(/^([0-9a-f]{10})[0-9a-f]*/, '$1');
}
