/**
 * Restores an agent from a backup that was read into a stage: into a folder of its own, all or nothing, or in the
 * place of one that is there, backed up first. No Broca runs in it meanwhile.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { type AgentId, failed, ok, type Result } from 'animus-protocol';
import * as v from 'valibot';
import { takeHomeLock } from '../../fleet/lock.ts';
import { buildCommit, buildWhereIs } from '../../release/build-commit.ts';
import type { ArchivedFile, Manifest } from '../archive/manifest.ts';
import { backupAgent } from '../backup-agent.ts';
import { CLONE_BUNDLE } from '../clone-bundle.ts';
import { copyDatabase } from '../database.ts';
import { foldDatabase } from '../database-facts.ts';
import { buildProgram, cloneExported, type ProgramRequest } from '../deploy.ts';
import { FILE_MODE, makePrivateFolder, writeNewPrivateFile } from '../modes.ts';
import { type AgentPaths, agentFolderPaths, agentPaths, homePaths } from '../paths.ts';
import { runRelease } from '../release.ts';
import { currentRelease, type Runtime } from '../release-file.ts';
import type { Stage } from '../stage.ts';
import { finishRestore, putInPlace, type RestoreStep } from './journal.ts';

/** What Broca says of a copy it made fit to go on from (broca-core's store/restore/request.ts). */
export type RestoreReport = { isFollowed: boolean; parked: number[]; uncertain: number; settling: number | null; carried: number };
const restoreReport: v.GenericSchema<RestoreReport> = v.object({
  isFollowed: v.boolean(),
  parked: v.array(v.number()),
  uncertain: v.number(),
  settling: v.nullable(v.number()),
  carried: v.number(),
});

export type RestoreRequest = ProgramRequest & {
  id: AgentId;
  manifest: Manifest;
  /** The backup was read and checked here; it is in the home, and of this command alone. */
  stage: Stage;
  /** New text of `.env` and settings.json; null: what is here stays. */
  environment: string | null;
  settings: string | null;
  /** The clone in the backup takes the place of the one that is there, and a release is built from it. */
  isCloneWanted: boolean;
  /** Version of Animus. */
  version: string;
  /** For tests. */
  reached?: (step: RestoreStep) => void;
};

export type Restored = {
  report: RestoreReport;
  /** The commit it runs now. */
  commit: string;
  /** The commit it ran when the backup was taken, where a release was built and that one could not be; else null. */
  missing: string | null;
  /** What was there before; null where nothing was. */
  before: string | null;
  /** What the backup holds and did not take a place here. */
  left: Left;
};

export type Left = {
  clone: boolean;
  /** Messages that waited in the inbox then, and may have been answered since. */
  waiting: number;
};

/** The folder is not there yet: it is made whole in the stage, with a clone and a release, and renamed in. */
export async function restoreNew(request: RestoreRequest): Promise<Result<Restored, string>> {
  const { home, id, stage, environment, settings, signal } = request;
  const staged = agentFolderPaths(stage.folder);
  const program = await buildProgram(staged, request, request.manifest.release);
  if (!program.ok) return program;
  const { runtime, commit } = program.value;
  const missing = missingCommit(commit, request);
  const report = await prepare(runtime, staged, staged.database, null, request);
  if (!report.ok && missing !== null) return failed(`${report.error}\n${describeMissing(missing)}`);
  if (!report.ok) return report;
  if (environment !== null) replaceFile(staged.environment, environment);
  if (settings !== null) replaceFile(staged.settings, settings);
  for (const folder of [staged.logs, staged.inbox, staged.outbox, staged.run, staged.plugins]) makePrivateFolder(folder);
  if (signal.aborted) return failed('interrupted');
  const target = agentPaths(home, id);
  return stage.moveTo(target.folder)
    ? ok({ report: report.value, commit, missing, before: null, left: { clone: false, waiting: 0 } })
    : failed(`${target.folder} was made by somebody else meanwhile`);
}

function missingCommit(commit: string, { manifest }: RestoreRequest): string | null {
  const { release } = manifest;
  return release === null || release.commit === commit ? null : release.commit;
}

/** Where it may be. */
export function describeMissing(commit: string): string {
  return `The backup was taken with the commit ${commit}, which could not be built from there: where another repository has it, set broca.repository in animus.config.json to that one`;
}

export type Built = { commit: string; release: string };

/** What takes long and does not touch the agent's folder: its Broca still works. Gives the release to switch to, or null. */
export async function buildForRestore(request: RestoreRequest): Promise<Result<Built | null, string>> {
  const { home, id, manifest, stage, now, report } = request;
  const agent = agentPaths(home, id);
  const current = currentRelease(home, agent);
  if (!current.ok) return current;
  const staged = agentFolderPaths(stage.folder);
  makePrivateFolder(staged.plugins);
  const isCloneTaken = takesClone(request);
  if (!isCloneTaken && hasPlugins(agent.plugins, manifest.files)) {
    fs.rmSync(staged.plugins, { recursive: true, force: true });
    return ok(null);
  }
  const { release, runtime } = current.value;
  const cloned = isCloneTaken ? await cloneExported(staged, request) : ok({ commit: release.commit });
  if (!cloned.ok) return cloned;
  report(`building a release with the ${isCloneTaken ? 'clone' : 'plugins'} of the backup`);
  const built = { ...agent, plugins: staged.plugins, clone: isCloneTaken ? staged.clone : agent.clone };
  const build = { agent: built, runtime, commit: cloned.value.commit, now, signal: request.signal };
  if (isCloneTaken) return await buildWhereIs(build, manifest.release?.commit ?? null);
  const made = await buildCommit(build);
  return made.ok ? ok({ commit: release.commit, release: made.value }) : made;
}

/** Of a clone that is there a person decides; one that is gone comes back. */
function takesClone({ home, id, stage, isCloneWanted }: RestoreRequest): boolean {
  const isInBackup = fs.existsSync(path.join(stage.folder, CLONE_BUNDLE));
  return isInBackup && (isCloneWanted || !fs.existsSync(agentPaths(home, id).clone));
}

/** Its Broca does not run. `built`: as `buildForRestore` gave it. */
export async function restoreInto(request: RestoreRequest, built: Built | null): Promise<Result<Restored, string>> {
  const { home, id, report } = request;
  const agent = agentPaths(home, id);
  makePrivateFolder(agent.run);
  const lock = takeHomeLock(agent.lock);
  if (lock === null) return failed(`the folder of ${id} is in use: its Broca runs, or another command works on it`);
  try {
    finishRestore(agent);
    const current = currentRelease(home, agent);
    if (!current.ok) return current;
    report('backing up what is there');
    const before = await keepPresent(agent, request);
    if (!before.ok) return before;
    report('looking what became of its messages since');
    const { stage } = request;
    const present = before.value.isWhole ? path.join(stage.folder, 'present.db') : null;
    if (present !== null) copyDatabase(agent.database, present);
    const program = built === null ? agent : { ...agent, program: path.join(agent.releases, built.release, 'broca.mjs') };
    const { commit } = built ?? current.value.release;
    const other = missingCommit(commit, request);
    const prepared = await prepare(current.value.runtime, program, path.join(stage.folder, 'animus.db'), present, request);
    if (!prepared.ok && other !== null)
      return failed(`${prepared.error}\nThe backup was taken with another commit: animus update ${id} --ref ${other}, then restore it`);
    if (!prepared.ok) return prepared;
    if (request.signal.aborted) return failed('interrupted');
    const missing = fs.existsSync(agentFolderPaths(stage.folder).clone) ? other : null;
    const left = install(agent, request, built?.release ?? null, prepared.value);
    return ok({ report: prepared.value, commit, missing, before: before.value.file, left });
  } finally {
    lock.release();
  }
}

type Kept = { file: string; isWhole: boolean };

/** Backs up what is replaced. A database that is damaged cannot be copied by SQLite: it is set aside as it is. */
async function keepPresent(agent: AgentPaths, { home, id, version, signal, now, stage }: RestoreRequest): Promise<Result<Kept, string>> {
  const isCloneReplaced = fs.existsSync(agent.clone) && fs.existsSync(agentFolderPaths(stage.folder).clone);
  if (!fs.existsSync(agent.database)) return ok({ file: agent.folder, isWhole: false });
  foldDatabase(agent.database);
  const root = homePaths(home).backups;
  const kept = await backupAgent({ home, id, root, encryption: null, version, now: new Date(), signal });
  const cloneFault = kept.ok ? kept.value.cloneFault : kept.error;
  if (isCloneReplaced && cloneFault !== null) return failed(`its clone cannot be backed up (${cloneFault}): restore without --with-clone`);
  if (kept.ok) return ok({ file: kept.value.file, isWhole: true });
  if (signal.aborted || !/damaged/.test(kept.error)) return kept;
  // Not named as one that a Broca set aside: whoever restores knows of it.
  const aside = `${agent.database}.replaced-${now.toISOString().replaceAll(':', '')}`;
  for (const suffix of ['', '-wal']) if (fs.existsSync(agent.database + suffix)) fs.copyFileSync(agent.database + suffix, aside + suffix);
  return ok({ file: aside, isWhole: false });
}

/** The release that will run it makes the copy fit to go on from: only a Broca knows its database. */
async function prepare(
  runtime: Runtime,
  program: AgentPaths,
  copy: string,
  present: string | null,
  { home, id, manifest, signal }: RestoreRequest,
): Promise<Result<RestoreReport, string>> {
  const agent = agentPaths(home, id);
  const args = ['prepare-restore', '--copy', copy, '--taken-at', String(manifest.takenAt), '--alive-until', String(lastSeenAlive(agent))];
  if (fs.existsSync(agent.folder)) args.push('--folder', agent.folder);
  if (present !== null) args.push('--present', present);
  if (manifest.isFinal) args.push('--final');
  if (manifest.agent !== id) args.push('--other-agent');
  const said = await runRelease(runtime, program, args, signal);
  if (!said.ok) return failed(`the backup's database cannot be used: ${said.error}`);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), restoreReport), said.value);
  return parsed.success ? ok(parsed.output) : failed(`the Broca of ${id} is too old to restore a backup: animus update ${id} first`);
}

/** Until when the database that is gone may have answered messages (ms). Of a folder that is gone too, nobody knows. */
function lastSeenAlive(agent: AgentPaths): number {
  if (!fs.existsSync(agent.folder)) return Date.now();
  const damaged = fs.readdirSync(agent.folder).filter((name) => /^animus\.db\.(damaged|replaced)-/.test(name));
  const files = [agent.brocaLog, agent.database, `${agent.database}-wal`, ...damaged.map((name) => path.join(agent.folder, name))];
  const times = files.map((file) => fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  const newest = Math.max(...times);
  return newest === 0 ? Date.now() : Math.ceil(newest);
}

/** From here on nothing can be interrupted but by a kill, and that leaves the old or the new. */
function install(agent: AgentPaths, request: RestoreRequest, release: string | null, { isFollowed }: RestoreReport): Left {
  const { stage, environment, settings, manifest, reached } = request;
  const staged = agentFolderPaths(stage.folder);
  addMissing(path.join(stage.folder, 'attachments'), path.join(agent.folder, 'attachments'));
  const prepared = path.join(stage.folder, 'prepared');
  makePrivateFolder(prepared);
  fs.renameSync(staged.database, path.join(prepared, 'animus.db'));
  if (settings !== null) writeNewPrivateFile(path.join(prepared, 'settings.json'), settings);
  if (environment !== null) writeNewPrivateFile(path.join(prepared, '.env'), environment);
  if (release !== null) fs.renameSync(staged.plugins, path.join(prepared, 'plugins'));
  if (fs.existsSync(staged.clone)) fs.renameSync(staged.clone, path.join(prepared, 'broca'));
  // The database that went on remembers which of them were seen. Without it nobody knows.
  if (isFollowed && fs.existsSync(staged.inbox)) fs.renameSync(staged.inbox, path.join(prepared, 'inbox'));
  takeMissingSessions(staged.run, agent.run, path.join(prepared, 'run'));
  // They name turns by their numbers, which may mean others from now on.
  for (const name of fs.readdirSync(agent.run)) if (name.startsWith('in-hand')) fs.rmSync(path.join(agent.run, name));
  putInPlace(agent, prepared, release, reached ?? (() => undefined));
  const waiting = isFollowed ? 0 : Object.keys(manifest.files).filter((name) => name.startsWith('inbox/')).length;
  return { clone: fs.existsSync(path.join(stage.folder, CLONE_BUNDLE)), waiting };
}

/** The name of a stored file is its content's hash: what is here already is the same. */
function addMissing(from: string, to: string): void {
  if (!fs.existsSync(from)) return;
  makePrivateFolder(to);
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (entry.isDirectory()) addMissing(source, target);
    else if (!fs.existsSync(target)) fs.renameSync(source, target);
  }
}

/** A login that is here is newer than the backup's. */
function takeMissingSessions(from: string, here: string, to: string): void {
  if (!fs.existsSync(from)) return;
  for (const name of fs.readdirSync(from)) {
    if (fs.existsSync(path.join(here, name))) continue;
    makePrivateFolder(to);
    fs.renameSync(path.join(from, name), path.join(to, name));
  }
}

/** Whether a folder holds exactly the plugins of a backup. */
function hasPlugins(folder: string, files: Readonly<Record<string, ArchivedFile>>): boolean {
  const wanted = Object.entries(files).filter(([name]) => name.startsWith('plugins/'));
  const here = filesBelow(folder, 'plugins');
  return here.length === wanted.length && wanted.every(([name, { sha256 }]) => hashOf(path.join(folder, '..', name)) === sha256);
}

function filesBelow(folder: string, prefix: string): string[] {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) =>
      entry.isDirectory()
        ? filesBelow(path.join(folder, entry.name), `${prefix}/${entry.name}`)
        : entry.isFile()
          ? [`${prefix}/${entry.name}`]
          : [],
    );
}

function hashOf(file: string): string | null {
  return fs.existsSync(file) ? createHash('sha256').update(fs.readFileSync(file)).digest('hex') : null;
}

function replaceFile(file: string, text: string): void {
  fs.rmSync(file, { force: true });
  fs.writeFileSync(file, text, { mode: FILE_MODE });
}
