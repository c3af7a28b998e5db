/** `animus restore`: checks the backup and all that is needed before it touches anything, then restores and starts. */
import fs from 'node:fs';
import path from 'node:path';
import { type AgentId, EXIT, type ExitCode, failed, loadBrocaConfig, ok, parseAgentId, parseEndpoint, type Result } from 'animus-protocol';
import { checkKey } from '../../home/deploy.ts';
import { initHome } from '../../home/init.ts';
import { checkLetta } from '../../home/letta-check.ts';
import { agentPaths } from '../../home/paths.ts';
import { isMadeByHand, madeByHand } from '../../home/python-home.ts';
import { chooseEnvironment, settingsFor } from '../../home/restore/environment.ts';
import { finishRestore } from '../../home/restore/journal.ts';
import {
  buildForRestore,
  describeMissing,
  type Restored,
  type RestoreRequest,
  restoreInto,
  restoreNew,
} from '../../home/restore/restore-agent.ts';
import { makeStage, type Stage } from '../../home/stage.ts';
import { isUnfinished } from '../../release/journal.ts';
import { NEW_AGENT, recordFiles, writeRecord } from '../../worker/record.ts';
import { readAgentKey } from '../agent-key.ts';
import { ask, describeFailure } from '../client.ts';
import type { CliContext } from '../context.ts';
import { readFleetConfig } from '../fleet-config.ts';
import { pauseAgent } from '../pause.ts';
import { readText } from '../read-text.ts';
import { whyFallen } from '../settle.ts';
import { askStatus } from '../supervisor.ts';
import { type Opened, openBackup } from './verify.ts';

export type RestoreValues = {
  /** The command that was typed: they tell the same in their own words. */
  command: 'restore' | 'import';
  file: string;
  as: string | null;
  force: boolean;
  identity: string | null;
  'with-env': boolean;
  'with-clone': boolean;
  endpoint: string | null;
  'key-stdin': boolean;
  'no-check': boolean;
  'no-start': boolean;
  json: boolean;
};

type Done = Restored & { id: AgentId; takenAt: number; phase: string; message: string | null };

export async function restoreBackup(values: RestoreValues, context: CliContext): Promise<ExitCode> {
  const { screen, home } = context;
  const installation = context.installation();
  const as = values.as === null ? ok(null) : parseAgentId(values.as);
  const endpoint = values.endpoint === null ? ok(null) : parseEndpoint(values.endpoint);
  for (const each of [installation, as, endpoint]) if (!each.ok) return complain(context, each.error, EXIT.usage);
  if (!installation.ok || !as.ok || !endpoint.ok) return EXIT.usage;
  initHome(home.home, installation.value);
  const config = readFleetConfig(home);
  if (!config.ok) return complain(context, config.error, EXIT.configuration);
  using stage = makeStage(home.home, 'restore');
  const signal = context.interruption();
  const opened = await openBackup(values.file, stage.folder, values.identity, signal);
  if (!opened.ok) return complain(context, `${opened.error}\nNothing was changed.`, EXIT.failed);
  const id = as.value ?? opened.value.manifest.agent;
  const request = {
    home: home.home,
    installation: installation.value,
    source: config.value.broca,
    now: new Date(context.now()),
    version: context.version,
    isCloneWanted: values['with-clone'],
    manifest: opened.value.manifest,
    id,
    stage,
    signal,
    report: (step: string) => screen.complain(screen.paint('dim', `${step} …`)),
  };
  const files = await chooseFiles(id, stage, opened.value, { ...values, endpoint: endpoint.value }, context);
  const done = files.ok ? await restoreOne({ ...request, ...files.value }, values, context) : files;
  const asBefore = fs.existsSync(agentPaths(home.home, id).folder) ? `${id} is as it was.` : 'Nothing was changed.';
  if (!done.ok) return complain(context, `${done.error}\n${asBefore}`, EXIT.failed);
  if (values.json) screen.printJson(done.value);
  else for (const line of describe(done.value, values)) screen.print(line);
  if (done.value.message !== null) screen.complain(done.value.message);
  return done.value.message === null ? EXIT.done : EXIT.failed;
}

function complain({ screen }: CliContext, error: string, code: ExitCode): ExitCode {
  screen.complain(error);
  return code;
}

type Files = Pick<RestoreRequest, 'environment' | 'settings'>;

/** Refuses what cannot work before anything is stopped. */
async function chooseFiles(
  id: AgentId,
  stage: Stage,
  { manifest }: Opened,
  values: RestoreValues,
  context: CliContext,
): Promise<Result<Files, string>> {
  const agent = agentPaths(context.home.home, id);
  const isThere = fs.existsSync(agent.folder);
  if (isThere && isMadeByHand(agent)) return failed(madeByHand(agent));
  if (isThere && manifest.agent !== id)
    return failed(`${id} is there already: a backup of another agent is restored into a new folder only; remove ${id} first`);
  if (isThere && values.command === 'import')
    return failed(
      `${id} is there already, and an import takes new agents in only: to put the file in its place: animus restore ${values.file} --force`,
    );
  if (isThere && !values.force)
    return failed(`${id} is there already: add --force to put the backup in its place; what is there is backed up first`);
  if (isThere && isUnfinished(agent))
    return failed(`an update of ${id} was begun and is not finished: finish it first with animus update ${id}`);
  if (isThere) finishRestore(agent);
  const archived = readText(path.join(stage.folder, '.env'));
  const present = readText(agent.environment);
  const isKeyNeeded = archived === null && present === null;
  const key = isKeyNeeded
    ? await readAgentKey({ word: null, fromStdin: values['key-stdin'], usage: `animus ${values.command} ${values.file}` }, context)
    : ok(null);
  if (!key.ok) return key;
  const usable = key.value === null ? ok(null) : checkKey(key.value);
  if (!usable.ok) return usable;
  const endpoint = values.endpoint ?? (isKeyNeeded ? manifest.endpoint : null);
  const environment = chooseEnvironment({ id, archived, present, isArchivedWanted: values['with-env'], endpoint, key: key.value });
  if (!environment.ok) return environment;
  const written = readText(path.join(stage.folder, 'settings.json'));
  const settings = written === null ? null : settingsFor(id, written);
  const files = { environment: environment.value ?? present, settings: settings ?? readText(agent.settings) };
  const { config, problems } = loadBrocaConfig({ agentIdOfFolder: id, ...files, fleet: null });
  if (config === null) {
    const errors = problems.flatMap(({ severity, file, key: at, message }) =>
      severity === 'error' ? [`  ${file}: ${at}: ${message}`] : [],
    );
    return failed(`the configuration could not be used:\n${errors.join('\n')}`);
  }
  if (!isThere && !values['no-check']) {
    const checked = await checkLetta({ endpoint: config.endpoint, id, key: config.apiKey, signal: context.interruption() });
    if (!checked.ok) return checked;
  }
  return ok({ environment: environment.value, settings });
}

async function restoreOne(request: RestoreRequest, values: RestoreValues, context: CliContext): Promise<Result<Done, string>> {
  const { id, manifest } = request;
  const { home } = context;
  const isThere = fs.existsSync(agentPaths(home.home, id).folder);
  const status = await askStatus(home.socket);
  const wasStopped = status.ok && status.value.agents.find((agent) => agent.id === id)?.wanted === 'stopped';
  if (!isThere && values['no-start']) writeRecord(recordFiles(home.runAgents, id), { ...NEW_AGENT, wanted: 'stopped' });
  const restored = isThere ? await restorePaused(request, context) : await restoreNew(request);
  if (!restored.ok) return restored;
  if (!isThere) await ask(home.socket, { kind: 'rescan' }, { timeoutMs: 10_000 });
  if (values['no-start'] && isThere && status.ok) await ask(home.socket, { kind: 'stop', agent: id }, { timeoutMs: null });
  const isStarted = status.ok && !wasStopped && !values['no-start'];
  const end = isStarted ? await awaitReady(id, values.command, context) : { phase: 'stopped', message: null };
  return ok({ ...restored.value, id, takenAt: manifest.takenAt, ...end });
}

/** Its Broca is stopped while what is there is backed up, so that nothing it did is missing there, and replaced; it goes on by itself after, whatever ends this. */
async function restorePaused(request: RestoreRequest, { home }: CliContext): Promise<Result<Restored, string>> {
  const release = await buildForRestore(request);
  if (!release.ok) return release;
  request.report('stopping it');
  const pause = await pauseAgent(home, request.id);
  if (!pause.ok) return pause;
  try {
    return await restoreInto(request, release.value);
  } finally {
    pause.value.end();
  }
}

async function awaitReady(
  agent: AgentId,
  command: RestoreValues['command'],
  { home }: CliContext,
): Promise<{ phase: string; message: string | null }> {
  for (;;) {
    const started = await ask(home.socket, { kind: 'start', agent }, { timeoutMs: null });
    // The supervisor hears a moment later that the pause is over.
    if (!started.ok && started.error.kind === 'refused' && /is held stopped/.test(started.error.message)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      continue;
    }
    const fallen = started.ok ? await whyFallen(agent, home.socket) : { phase: 'unknown', message: describeFailure(started.error) };
    if (fallen === null) return { phase: 'ready', message: null };
    return {
      phase: fallen.phase,
      message: `${agent} is ${DONE[command]}, but not ready: ${fallen.message}\nLook at: animus health ${agent}`,
    };
  }
}

const DONE = { restore: 'restored', import: 'imported' } as const;

function describe({ id, takenAt, report, missing, commit, before, phase, left }: Done, { command, file }: RestoreValues): string[] {
  const at = new Date(takenAt).toISOString().replace('T', ' ').slice(0, 16);
  const lines = [`${id} is ${DONE[command]} from ${file}, taken ${at} UTC${phase === 'ready' ? '; it is ready' : ''}`];
  if (missing !== null) lines.push(`It runs the commit ${commit}. ${describeMissing(missing)}`);
  if (before !== null) lines.push(`What was there before is in ${before}`);
  if (report.isFollowed)
    lines.push('What became of its messages since then is known from the database that was there: none is answered twice');
  if (report.carried > 0) lines.push(`${report.carried} that came after the backup were taken along`);
  if (report.parked.length > 0)
    lines.push(
      `${report.parked.length} messages that were open then may have been answered since, and are set aside. Look: animus queue ${id} list`,
    );
  if (report.uncertain > 0)
    lines.push(
      `${report.uncertain} parts of replies may have been handed over since, and are not sent again. Look: animus queue ${id} list`,
    );
  if (report.settling !== null) lines.push(`What became of turn ${report.settling}, which was asked then, is found out at Letta`);
  if (left.clone)
    lines.push('The clone in the backup was left: the one that is here stays. To take it: the same command with --with-clone');
  if (left.waiting > 0)
    lines.push(`${left.waiting} messages that waited in its inbox then may have been answered since, and were left in the file`);
  return lines;
}
