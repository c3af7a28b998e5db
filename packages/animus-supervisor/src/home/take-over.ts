/**
 * Takes over an agent's folder that was made by hand for the Python Broca. Its `.env`, `settings.json` and
 * database stay; its clone is moved aside and kept; a clone and a release of ours come in. The database is
 * only tried out here: its own Broca migrates it at the first start, all or nothing as well.
 *
 *     read what is there → check Letta → clone, build (in a stage) → try the database → install
 */
import fs from 'node:fs';
import path from 'node:path';
import {
  type AgentId,
  failed,
  formatProblem,
  isPlaceholder,
  loadBrocaConfig,
  ok,
  parseEndpoint,
  type Result,
  readEnvironmentText,
  setEnvironmentValues,
} from 'animus-protocol';
import * as v from 'valibot';
import { buildProgram, checkKey, type Deployed, type Program, type ProgramRequest, readTemplate } from './deploy.ts';
import { checkLetta } from './letta-check.ts';
import { FILE_MODE, FOLDER_MODE, makePrivateFolder } from './modes.ts';
import { type AgentPaths, agentFolderPaths, agentPaths } from './paths.ts';
import { isMadeByHand } from './python-home.ts';
import { runRelease } from './release.ts';
import { makeStage } from './stage.ts';
import { type InstallStep, installTakeOver, undoEndedTakeOver } from './take-over-journal.ts';

export type TakeOverRequest = ProgramRequest & {
  id: AgentId;
  /** In the form `parseEndpoint` gives; null: the one in `.env` is right. */
  endpoint: string | null;
  key: string | null;
  /** Serves only where `.env` has none and none was said (ANIMUS_AGENT_KEY may be meant for others). */
  fallbackKey: string | null;
  isChecked: boolean;
  /** For tests. */
  reached?: (step: InstallStep) => void;
};

export type TakenOver = Deployed & {
  /** Where the Python clone is kept; null where there was none. */
  aside: string | null;
  /** What is in its database, which the first start takes over; null where there is none. */
  found: FoundDatabase | null;
};

export type FoundDatabase = { from: string; users: number; messages: number; turns: Record<string, number> };
const foundDatabase: v.GenericSchema<FoundDatabase> = v.object({
  from: v.string(),
  users: v.number(),
  messages: v.number(),
  turns: v.record(v.string(), v.number()),
});

export async function takeOverAgent(request: TakeOverRequest): Promise<Result<TakenOver, string>> {
  const { home, id, report, signal } = request;
  const agent = agentPaths(home, id);
  undoEndedTakeOver(agent);
  if (!fs.existsSync(agent.folder))
    return failed(`there is no ${agent.folder} to take over: look at the id, or deploy it without --take-over`);
  if (!isMadeByHand(agent))
    return failed(`${agent.folder} was not made for the Python Broca, or is taken over already: see animus health ${id}`);
  using stage = makeStage(home, id);
  const staged = agentFolderPaths(stage.folder);
  const files = planFiles(agent, request);
  if (!files.ok) return files;
  if (request.isChecked) {
    report(`asking Letta at ${files.value.endpoint} for ${id}`);
    const checked = await checkLetta({ ...files.value, id, signal });
    if (!checked.ok) return checked;
  }
  const program = await buildProgram(staged, request);
  if (!program.ok) return program;
  report('looking at the database');
  const found = await tryDatabase(program.value, staged, agent, signal);
  if (!found.ok) return found;
  if (signal.aborted) return failed('interrupted');
  return install(agent, staged, files.value, program.value, found.value, request);
}

type PlannedFiles = { environment: string; endpoint: string; key: string };

/** `.env` as it will be: AGENT_ID added where it is missing, endpoint and key where they still are examples. */
function planFiles(agent: AgentPaths, request: TakeOverRequest): Result<PlannedFiles, string> {
  const { id } = request;
  const text = readFile(agent.environment) ?? '';
  const values = new Map(readEnvironmentText(text).entries.map(({ key, value }) => [key, value]));
  const additions: Record<string, string> = {};
  if ((values.get('AGENT_ID') ?? '') === '') additions['AGENT_ID'] = id;
  const written = values.get('AGENT_ENDPOINT') ?? '';
  const hasExample = parseEndpoint(written).ok === false;
  const endpoint = choose('AGENT_ENDPOINT', hasExample ? null : written, request.endpoint, (a, b) => sameEndpoint(a, b));
  const writtenKey = values.get('AGENT_API_KEY') ?? '';
  const standingKey = writtenKey === '' || isPlaceholder(writtenKey) ? null : writtenKey;
  const givenKey = request.key ?? (standingKey === null ? request.fallbackKey : null);
  const key = choose('AGENT_API_KEY', standingKey, givenKey, (a, b) => a === b);
  if (!endpoint.ok || !key.ok) return failed([endpoint, key].flatMap((part) => (part.ok ? [] : [part.error])).join('\n'));
  if (endpoint.value.isNew) additions['AGENT_ENDPOINT'] = endpoint.value.value;
  const usable = key.value.isNew ? checkKey(key.value.value) : ok(null);
  if (!usable.ok) return usable;
  if (key.value.isNew) additions['AGENT_API_KEY'] = key.value.value;
  const environment = setEnvironmentValues(text, additions);
  if (!environment.ok) return environment;
  const settings = readFile(agent.settings);
  const { config, problems } = loadBrocaConfig({ agentIdOfFolder: id, environment: environment.value, settings, fleet: null });
  if (config === null) {
    const errors = problems.filter(({ severity }) => severity === 'error').map((problem) => `  ${formatProblem(problem)}`);
    return failed(`the configuration in ${agent.folder} cannot be used; mend it, then try again:\n${errors.join('\n')}`);
  }
  return ok({ environment: environment.value, endpoint: config.endpoint, key: config.apiKey });
}

type Chosen = { value: string; isNew: boolean };

/** What stands in `.env` is kept; what is said beside it must not be something else. */
function choose(
  name: string,
  standing: string | null,
  given: string | null,
  isSame: (a: string, b: string) => boolean,
): Result<Chosen, string> {
  const word = name === 'AGENT_ENDPOINT' ? 'endpoint' : 'key';
  const remedy =
    name === 'AGENT_ENDPOINT' ? "write Letta's address after the id" : 'pipe the key in with --key-stdin, or set ANIMUS_AGENT_KEY';
  if (standing === null && given === null) return failed(`${name} in .env is missing or still the example: ${remedy}`);
  if (standing === null) return ok({ value: given ?? '', isNew: true });
  if (given !== null && !isSame(standing, given))
    return failed(`.env has another ${name} already: leave the ${word} out to keep it, or change .env first`);
  return ok({ value: standing, isNew: false });
}

function sameEndpoint(standing: string, given: string): boolean {
  const parsed = parseEndpoint(standing);
  return parsed.ok && parsed.value === given;
}

async function tryDatabase(
  { runtime }: Program,
  staged: AgentPaths,
  agent: AgentPaths,
  signal: AbortSignal,
): Promise<Result<FoundDatabase | null, string>> {
  const tried = await runRelease(runtime, staged, ['try-take-over', '--folder', agent.folder], signal);
  if (!tried.ok) return failed(`the database cannot be taken over: ${tried.error}`);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), v.nullable(foundDatabase)), tried.value);
  return parsed.success
    ? ok(parsed.output)
    : failed('the Broca of this clone cannot take over a database: look at broca.ref in animus.config.json');
}

function install(
  agent: AgentPaths,
  staged: AgentPaths,
  { environment }: PlannedFiles,
  { commit, release, runtime }: Program,
  found: FoundDatabase | null,
  request: TakeOverRequest,
): Result<TakenOver, string> {
  const stamp = request.now.toISOString().replaceAll(':', '');
  const aside = fs.existsSync(agent.clone) ? `broca.python-${stamp}` : null;
  const settings = fs.existsSync(agent.settings) ? null : (readTemplate(staged, 'settings.json') ?? '{}\n');
  tighten(agent);
  const reached = request.reached ?? (() => undefined);
  if (!installTakeOver(agent, staged, { environment, settings, aside }, reached))
    return failed('another animus is taking this folder over right now');
  for (const folder of [agent.logs, agent.inbox, agent.outbox, agent.run, agent.plugins]) makePrivateFolder(folder);
  return ok({ folder: agent.folder, commit, release, runtime: runtime.version, aside, found });
}

/** The modes of the seed; a Python Broca that is put back works with them too. */
function tighten(agent: AgentPaths): void {
  for (const folder of [agent.folder, agent.logs, agent.run]) if (fs.existsSync(folder)) fs.chmodSync(folder, FOLDER_MODE);
  const databases = ['animus.db', 'sanctum.db'].map((name) => path.join(agent.folder, name));
  for (const file of [agent.environment, agent.settings, ...databases]) if (fs.existsSync(file)) fs.chmodSync(file, FILE_MODE);
}

function readFile(file: string): string | null {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : null;
}
