/**
 * Deploy, all or nothing: the agent's whole folder is made in a stage beside its place and renamed in as the last
 * step. Whatever fails or kills it before that leaves no agent, and the stage goes with the next deploy at the latest.
 *
 *     check Letta → clone → runtime → build → .env, settings, folders → database → rename
 */
import fs from 'node:fs';
import path from 'node:path';
import {
  type AgentId,
  failed,
  formatProblem,
  isPlaceholder,
  isPlainKey,
  loadBrocaConfig,
  ok,
  type Result,
  setEnvironmentValues,
} from 'animus-protocol';
import { buildWhereIs } from '../release/build-commit.ts';
import { pointLink } from '../release/links.ts';
import { addOwnOrigin, fleetOrigin, fromFolder, setOrigin } from '../release/origin.ts';
import { CLONE_BUNDLE, unbundleClone } from './clone-bundle.ts';
import { type CommitOnBranch, cloneRepository, makeRepository } from './git.ts';
import type { Installation } from './installation.ts';
import { checkLetta } from './letta-check.ts';
import { FILE_MODE, makePrivateFolder, writeNewPrivateFile } from './modes.ts';
import { type AgentPaths, agentFolderPaths, agentPaths } from './paths.ts';
import { isMadeByHand, madeByHand } from './python-home.ts';
import { runRelease } from './release.ts';
import type { Runtime } from './release-file.ts';
import { ensureRuntime } from './runtime.ts';
import { makeStage } from './stage.ts';
import { undoEndedTakeOver } from './take-over-journal.ts';

export type DeployRequest = {
  /** Made and private already (init.ts). */
  home: string;
  installation: Installation;
  id: AgentId;
  /** In the form `parseEndpoint` gives. */
  endpoint: string;
  key: string;
  /** `broca` of animus.config.json. */
  source: { repository: string | null; ref: string | null };
  /** Ask Letta first whether agent, endpoint and key fit together. */
  isChecked: boolean;
  now: Date;
  signal: AbortSignal;
  /** Told before each step, in words for a person. */
  report: (step: string) => void;
};

/** What the program of an agent is made from. */
export type ProgramRequest = Pick<DeployRequest, 'home' | 'installation' | 'source' | 'now' | 'signal' | 'report'>;
export type Program = { commit: string; release: string; runtime: Runtime };

export type Deployed = { folder: string; commit: string; release: string; runtime: string };

export async function deployAgent(request: DeployRequest): Promise<Result<Deployed, string>> {
  const { home, id, report } = request;
  const target = agentPaths(home, id);
  undoEndedTakeOver(target);
  if (fs.lstatSync(target.folder, { throwIfNoEntry: false }) !== undefined) return failed(describeTaken(target, id));
  const key = checkKey(request.key);
  if (!key.ok) return key;
  if (request.isChecked) {
    report(`asking Letta at ${request.endpoint} for ${id}`);
    const checked = await checkLetta(request);
    if (!checked.ok) return checked;
  }
  using stage = makeStage(home, id);
  const built = await buildFolder(agentFolderPaths(stage.folder), request);
  if (request.signal.aborted) return failed('interrupted');
  if (!built.ok) return built;
  return stage.moveTo(target.folder) ? ok({ ...built.value, folder: target.folder }) : failed(describeTaken(target, id));
}

function describeTaken(agent: AgentPaths, id: AgentId): string {
  if (isMadeByHand(agent)) return madeByHand(agent);
  // A link to a folder is no agent's either: the home's own folders count.
  if (fs.lstatSync(agent.folder, { throwIfNoEntry: false })?.isDirectory() === false)
    return `${agent.folder} is no folder, and stands where the agent's belongs: remove it or give it another name, then deploy again`;
  return `${id} is deployed already (${agent.folder}). To make it anew: animus remove ${id}, then deploy again`;
}

async function buildFolder(agent: AgentPaths, request: DeployRequest): Promise<Result<Omit<Deployed, 'folder'>, string>> {
  const { signal, report } = request;
  const program = await buildProgram(agent, request);
  if (!program.ok) return program;
  const { commit, release, runtime } = program.value;
  const written = writeFiles(agent, request);
  if (!written.ok) return written;
  report('creating the database');
  const created = await runRelease(runtime, agent, ['create-database', '--folder', agent.folder], signal);
  if (!created.ok) return failed(`the database could not be created: ${created.error}`);
  if (!fs.existsSync(agent.database)) return failed('the database could not be created: Broca made no animus.db');
  fs.chmodSync(agent.database, FILE_MODE);
  return ok({ commit, release, runtime: runtime.version });
}

/**
 * Clones Broca into the agent's folder, or makes the clone of an export that lies there, and builds its first release:
 * of the commit `at`, where the clone has it.
 */
export async function buildProgram(
  agent: AgentPaths,
  request: ProgramRequest,
  at: CommitOnBranch | null = null,
): Promise<Result<Program, string>> {
  const { home, installation, report } = request;
  report('cloning Broca');
  const isExported = fs.existsSync(path.join(agent.folder, CLONE_BUNDLE));
  const cloned = isExported ? await cloneExported(agent, request) : await cloneBroca(agent.clone, request, at);
  if (!cloned.ok) return cloned;
  report('preparing the runtime');
  const runtime = ensureRuntime(home, installation);
  report('building the release');
  const { now, signal } = request;
  const built = await buildWhereIs({ agent, runtime, commit: cloned.value.commit, now, signal }, at?.commit ?? null);
  if (!built.ok) return built;
  const { commit, release } = built.value;
  // Whoever starts it runs this one.
  pointLink(agent.currentRelease, release);
  return ok({ commit, release, runtime });
}

/** It is updated from where the fleet here is, unless its person had chosen a place of its own. */
export async function cloneExported(
  agent: AgentPaths,
  { home, installation, source, signal }: ProgramRequest,
): Promise<Result<{ commit: string }, string>> {
  const made = await unbundleClone(agent.folder, agent.clone, signal);
  if (!made.ok) return made;
  fs.rmSync(path.dirname(path.join(agent.folder, CLONE_BUNDLE)), { recursive: true });
  const { commit, origin, isOwnOrigin } = made.value;
  const ours = await fleetOrigin({ home, installation, repository: source.repository, signal });
  if (isOwnOrigin && origin !== null) await addOwnOrigin(agent.clone, origin, signal);
  else if ((ours ?? origin) !== null) await setOrigin(agent.clone, ours ?? origin ?? '', signal);
  return ok({ commit });
}

/** The configured repository, else the one Animus runs from, else one made of the sources Animus was installed with. */
async function cloneBroca(
  target: string,
  { home, source, installation, signal }: ProgramRequest,
  at: CommitOnBranch | null,
): Promise<Result<{ commit: string }, string>> {
  const repository = source.repository ?? (installation.kind === 'checkout' ? installation.root : null);
  if (repository !== null) {
    const cloned = await cloneRepository({ source: fromFolder(repository, home), ref: source.ref, at, target, signal });
    const origin = cloned.ok ? await fleetOrigin({ home, installation, repository: source.repository, signal }) : null;
    // What it is updated from; until there is such a place, it remembers what it was cloned from.
    if (cloned.ok) await setOrigin(target, origin ?? repository, signal);
    const isConfigured = source.repository !== null || source.ref !== null;
    return cloned.ok || !isConfigured ? cloned : failed(`${cloned.error}\nLook at broca.repository and broca.ref in animus.config.json`);
  }
  if (source.ref !== null)
    return failed('broca.ref in animus.config.json needs broca.repository: this Animus was installed as a package and has no history');
  fs.cpSync(installation.root, target, { recursive: true, filter: (file) => isSource(path.relative(installation.root, file)) });
  const madeAt = fs.statSync(path.join(installation.root, 'package.json')).mtime;
  return await makeRepository(target, `Animus ${installation.version}`, madeAt, signal);
}

/** What of an installed package is source: all but what was installed or built into it. */
function isSource(name: string): boolean {
  const parts = name.split(path.sep);
  return !parts.includes('node_modules') && !parts.includes('dist') && parts[0] !== '.git';
}

function writeFiles(agent: AgentPaths, { id, endpoint, key }: DeployRequest): Result<null, string> {
  const values = { AGENT_ID: id, AGENT_ENDPOINT: endpoint, AGENT_API_KEY: key };
  const environment = setEnvironmentValues(readTemplate(agent, 'env') ?? '', values);
  if (!environment.ok) return environment;
  const settings = readTemplate(agent, 'settings.json') ?? '{}\n';
  const { problems } = loadBrocaConfig({ agentIdOfFolder: id, environment: environment.value, settings, fleet: null });
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0)
    return failed(`the clone's templates do not fit this Animus:\n${errors.map((problem) => `  ${formatProblem(problem)}`).join('\n')}`);
  writeNewPrivateFile(agent.environment, environment.value);
  writeNewPrivateFile(agent.settings, settings);
  for (const folder of [agent.logs, agent.inbox, agent.outbox, agent.run, agent.plugins]) makePrivateFolder(folder);
  return ok(null);
}

/** Templates come from the clone, so that they fit its version of Broca. */
export function readTemplate(agent: AgentPaths, name: string): string | null {
  const file = path.join(agent.clone, 'templates', name);
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : null;
}

/** A key pasted with its line break, or with the words around it, is found here and not by Letta. */
export function checkKey(key: string): Result<null, string> {
  if (!isPlainKey(key)) return failed('this key cannot be right: a key has only plain characters without blanks');
  if (isPlaceholder(key)) return failed("this key is the template's example: give the key that Letta shows for this agent's account");
  return ok(null);
}
