/**
 * Everything of an update that can be done while the old Broca goes on working: the newer sources, a release built
 * from them beside the old one, and its migration tried out on a copy of the database. Ends in an order (journal.ts);
 * nothing that runs has changed by then.
 *
 *     clone → copy → fetch, rebase → build → try the database → order
 */
import fs from 'node:fs';
import path from 'node:path';
import { type AgentId, failed, ok, type Result } from 'animus-protocol';
import { takeHomeLock } from '../fleet/lock.ts';
import { copyDatabase, findDamage, readSchemaVersion } from '../home/database.ts';
import type { ProgramRequest } from '../home/deploy.ts';
import { FOLDER_MODE, makePrivateFolder } from '../home/modes.ts';
import { type AgentPaths, agentPaths } from '../home/paths.ts';
import { isMadeByHand, madeByHand } from '../home/python-home.ts';
import { buildRelease, isSameRelease, runRelease } from '../home/release.ts';
import { currentRelease, type Runtime, readRelease, runtimePaths } from '../home/release-file.ts';
import { ensureRuntime, findRuntimeLack } from '../home/runtime.ts';
import { buildCommit, readHead } from './build-commit.ts';
import { type Order, updateFiles, writeOrder } from './journal.ts';
import { currentName, pointLink } from './links.ts';
import { findOrigin, setOrigin } from './origin.ts';
import { type Renewed, renewClone } from './renew-clone.ts';
import { copyClone } from './swap-clone.ts';

export type PrepareRequest = ProgramRequest & {
  id: AgentId;
  /** What `--ref` said, which goes before `broca.ref`. */
  ref: string | null;
  /** `update` fetches; `upgrade` builds what the clone holds, on the newest runtime. */
  kind: 'update' | 'upgrade';
};

export type Prepared = {
  from: string;
  to: string;
  /** False: what runs is what would be built. */
  isNew: boolean;
  /** A commit the clone holds that is left, because it was rolled back; else null. */
  left: string | null;
  runtime: string;
  renewed: Renewed | null;
  /** Where it was fetched from. */
  source: string | null;
  database: Order['database'];
};

/** The caller holds the agent's update lock, and nothing is unfinished there. */
export async function prepareRelease(request: PrepareRequest): Promise<Result<Prepared, string>> {
  const { home, installation, id, now, report, signal } = request;
  const agent = agentPaths(home, id);
  // That it, or its runtime, is gone is what this mends.
  const from = currentName(agent);
  if (from === null && isMadeByHand(agent)) return failed(madeByHand(agent));
  clearUpdate(agent);
  const cloned =
    request.kind === 'update' && from !== null ? await renewCopy(agent, request) : ok({ renewed: null, source: null, looked: null });
  if (!cloned.ok) return cloned;
  const { renewed, source, looked } = cloned.value;
  const clone = renewed === null ? agent.clone : updateFiles(agent).clone;
  const head = renewed === null ? await readHead(agent.clone, signal) : ok(renewed.commit);
  if (!head.ok) return head;
  const commit = (renewed === null ? afterRollback(agent, head.value) : null) ?? head.value;
  report('preparing the runtime');
  const runtime = ensureRuntime(home, installation);
  report('building the release');
  const built = await buildCommit({ agent: { ...agent, clone }, runtime, commit, now, signal });
  if (!built.ok) return built;
  if (signal.aborted) return failed('interrupted');
  const left = commit === head.value ? null : head.value;
  const prepared = { from: from ?? built.value, to: built.value, left, runtime: runtime.version, renewed, source };
  if (from === null) {
    const begun = beginWithout(agent, built.value);
    if (!begun.ok) return begun;
  }
  if (built.value === from || from === null) {
    clearUpdate(agent);
    return ok({ ...prepared, isNew: false, database: 'same' });
  }
  report('trying the database');
  const database = await tryDatabase(agent, built.value, runtime, signal, { which: 'new' });
  if (!database.ok) return database;
  writeOrder(agent, { from, to: built.value, database: database.value, clone: looked, at: now.toISOString() });
  return ok({ ...prepared, isNew: true, database: database.value });
}

export type Checked = {
  renewed: Renewed;
  source: string;
  from: string;
  /** What would make the new release another than the one that runs; null: nothing would. */
  change: 'commit' | 'runtime' | 'edits' | null;
};

/** What an update would bring, without a trace: the copy, and what is built of it, lie in the update's folder and go with it. */
export async function checkUpdate(request: PrepareRequest): Promise<Result<Checked, string>> {
  const agent = agentPaths(request.home, request.id);
  const current = currentRelease(request.home, agent);
  const from = currentName(agent);
  if (!current.ok || from === null) return current.ok ? failed('releases/current is no link') : current;
  clearUpdate(agent);
  try {
    const { report: _, ...rest } = request;
    const cloned = await renewCopy(agent, { ...rest, report: () => undefined });
    if (!cloned.ok) return cloned;
    const { commit } = cloned.value.renewed;
    const { release, runtime } = current.value;
    const releases = path.join(agent.update, 'releases');
    // On the runtime in use: the newest may not be made yet, and a check makes none.
    const trial = { ...agent, clone: updateFiles(agent).clone, releases };
    const built = await buildRelease({ agent: trial, runtime, commit, now: request.now });
    if (!built.ok) return built;
    const isSame = isSameRelease(path.join(releases, built.value), path.join(agent.releases, from));
    const isRuntimeSame = findRuntimeLack(request.home, request.installation).version === release.runtime;
    const change = commit !== release.commit ? 'commit' : !isSame ? 'edits' : isRuntimeSame ? null : 'runtime';
    return ok({ ...cloned.value, from, change });
  } finally {
    clearUpdate(agent);
  }
}

/** The commit that runs, where the clone still holds the one that was rolled back from; else null. */
function afterRollback(agent: AgentPaths, head: string): string | null {
  const [current, former] = [agent.currentRelease, agent.formerRelease].map((link) => readRelease(path.join(link, 'release.json')));
  return current != null && former?.commit === head && current.commit !== head ? current.commit : null;
}

/** There is nothing to switch from, and to go back to: `releases/current` is gone. */
function beginWithout(agent: AgentPaths, release: string): Result<null, string> {
  makePrivateFolder(agent.run);
  const lock = takeHomeLock(agent.lock);
  if (lock === null) return failed('its folder is in use: stop what runs there first');
  try {
    pointLink(agent.currentRelease, release);
    return ok(null);
  } finally {
    lock.release();
  }
}

export function clearUpdate(agent: AgentPaths): void {
  fs.rmSync(agent.update, { recursive: true, force: true });
}

type RenewedCopy = { renewed: Renewed; source: string; looked: string };

async function renewCopy(agent: AgentPaths, request: PrepareRequest): Promise<Result<RenewedCopy, string>> {
  const { home, installation, source: configured, signal, report } = request;
  if (!fs.existsSync(agent.clone))
    return failed(`its clone is missing (${agent.clone}): deploy the agent anew; removing it keeps a backup`);
  const origin = await findOrigin({ clone: agent.clone, home, installation, repository: configured.repository, signal });
  if (!origin.ok) return origin;
  const { source, isOwn } = origin.value;
  report(`fetching from ${source}`);
  const { clone: copy } = updateFiles(agent);
  fs.mkdirSync(agent.update, { recursive: true, mode: FOLDER_MODE });
  const looked = copyClone(agent, copy);
  if (!isOwn) await setOrigin(copy, source, signal);
  const runs = readRelease(path.join(agent.currentRelease, 'release.json'))?.commit ?? null;
  const renewed = await renewClone({ copy, source, ref: request.ref ?? (isOwn ? null : configured.ref), runs, signal });
  if (signal.aborted) return failed('interrupted');
  return renewed.ok ? ok({ renewed: renewed.value, source, looked }) : renewed;
}

/** Whether a release can work with the agent's database as it is now, found out on a copy. */
export async function tryDatabase(
  agent: AgentPaths,
  release: string,
  runtime: Runtime,
  signal: AbortSignal,
  { which, database = agent.database }: { which: 'new' | 'former'; database?: string },
): Promise<Result<'same' | 'migrates', string>> {
  if (!fs.existsSync(database))
    return failed(`it has no database yet: start it once (animus start ${path.basename(agent.folder)}), then update`);
  const trial = path.join(agent.update, 'trial');
  const copy = path.join(trial, 'animus.db');
  makePrivateFolder(agent.update);
  makePrivateFolder(trial);
  try {
    copyDatabase(database, copy);
    const before = readSchemaVersion(copy);
    const program = path.join(agent.releases, release, 'broca.mjs');
    const ran = await runRelease(runtime, { ...agent, folder: trial, program }, ['create-database', '--folder', trial], signal);
    if (!ran.ok) return failed(`the ${which} release cannot work with its database: ${ran.error.replaceAll(copy, agent.database)}`);
    const damage = fs.readdirSync(trial).some((name) => name.includes('.damaged-')) ? 'it was taken for damaged' : findDamage(copy);
    if (damage !== null) return failed(`the ${which} release would spoil its database: ${damage}`);
    return ok(readSchemaVersion(copy) === before ? 'same' : 'migrates');
  } catch (error) {
    return failed(`its database could not be copied: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    fs.rmSync(trial, { recursive: true, force: true });
  }
}

/** The runtime that a release names; null when either is gone. */
export function runtimeOf(home: string, agent: AgentPaths, release: string): Runtime | null {
  const file = readRelease(path.join(agent.releases, release, 'release.json'));
  const runtime = file === null ? null : runtimePaths(home, file.runtime);
  return runtime !== null && fs.existsSync(runtime.node) ? runtime : null;
}
