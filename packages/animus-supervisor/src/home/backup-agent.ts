/**
 * Backs up one agent while its Broca goes on: the database as it is at one moment, settings, plugins, attachments,
 * the clone where a person worked in it, and, in an encrypted archive, its secrets.
 */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type AgentId, failed, ok, parseEndpoint, parseEnvironment, type Result } from 'animus-protocol';
import { takeHomeLock } from '../fleet/lock.ts';
import { identify, isAlive } from '../worker/proc.ts';
import { type Encryption, suffixOf } from './archive/encryption.ts';
import { type ArchivedRelease, newManifest } from './archive/manifest.ts';
import { isArchiveName } from './archive/name.ts';
import { type ArchiveEntry, sweepUnfinished, writeArchive } from './archive/write.ts';
import { backupName, makeDayFolder, stampOf } from './backup-files.ts';
import { bundleClone, CLONE_ABOUT, CLONE_BUNDLE } from './clone-bundle.ts';
import { copyDatabase, readSchemaVersion } from './database.ts';
import { hasOwnWork } from './git.ts';
import { makePrivateFolder } from './modes.ts';
import { type AgentPaths, agentPaths } from './paths.ts';
import { type Release, readRelease } from './release-file.ts';
import { makeStage } from './stage.ts';

export type BackupRequest = {
  home: string;
  id: AgentId;
  /** Folder that gets `<date>/<id>@<time>.tar.gz`. */
  root: string;
  encryption: Encryption | null;
  /** Version of Animus. */
  version: string;
  now: Date;
  signal: AbortSignal;
  /** Set for an export, which is more: a file of its own name, always with the clone and, of an agent that moves, what waits. */
  export?: ExportWish;
};

export type ExportWish = {
  /** Must not be there yet. */
  file: string;
  /** The agent is shut down here for good: nothing is answered after this. */
  isFinal: boolean;
};

export type Backup = {
  file: string;
  bytes: number;
  /** ms of the epoch. */
  takenAt: number;
  hasSecrets: boolean;
  /** What was left out: links, and names that no archive takes. */
  skipped: string[];
  /** Why the clone, which holds work of its own, is not in it; null where it is, or holds none. */
  cloneFault: string | null;
};

export async function backupAgent(request: BackupRequest): Promise<Result<Backup, string>> {
  const { home, id, root, encryption, now, signal } = request;
  const agent = agentPaths(home, id);
  if (!fs.existsSync(agent.database))
    return failed(`${id} has no animus.db to back up: start it once, or restore one with: animus restore <file>`);
  try {
    const wish = request.export;
    const stamp = stampOf(now, home);
    const folder = wish === undefined ? makeDayFolder(root, stamp) : path.dirname(wish.file);
    sweepUnfinished(folder, (pid) => isAlive(identify(pid)));
    using stage = makeStage(wish === undefined ? folder : root, 'backup');
    const { entries, skipped, manifest } = gather(agent, path.join(stage.folder, 'animus.db'), request);
    const clone =
      wish === undefined ? await bundleOwnWork(agent, stage.folder, signal) : await bundleClone(agent.clone, stage.folder, signal);
    if (!clone.ok && (wish !== undefined || signal.aborted)) return clone;
    if (clone.ok) entries.push(...clone.value);
    if (wish?.isFinal === true) entries.push(...waitingEntries(agent, skipped));
    const file = wish?.file ?? path.join(folder, backupName(folder, id, stamp, suffixOf(encryption)));
    const written = await writeArchive({ file, entries, manifest, encryption, signal });
    const { takenAt, hasSecrets } = manifest;
    return ok({ file, bytes: written.bytes, takenAt, hasSecrets, skipped, cloneFault: clone.ok ? null : clone.error });
  } catch (error) {
    return failed(signal.aborted ? 'interrupted' : `${id} could not be backed up: ${explain(error)}`);
  }
}

type Gathered = { entries: ArchiveEntry[]; skipped: string[]; manifest: ReturnType<typeof newManifest> };

function gather(agent: AgentPaths, copy: string, { id, encryption, version, export: wish }: BackupRequest): Gathered {
  const takenAt = Date.now();
  copyDatabase(agent.database, copy);
  const entries: ArchiveEntry[] = [{ name: 'animus.db', file: copy }];
  const skipped: string[] = [];
  if (fs.existsSync(agent.settings)) entries.push({ name: 'settings.json', file: agent.settings });
  // After the database: each file that a message names was there before the message.
  for (const name of ['plugins', 'attachments']) addFolder(agent.folder, name, entries, skipped);
  const hasSecrets = encryption !== null;
  if (hasSecrets) entries.push(...secretEntries(agent));
  const release = readRelease(path.join(agent.currentRelease, 'release.json'));
  const manifest = newManifest({
    agent: id,
    takenAt,
    isFinal: wish?.isFinal ?? false,
    animus: version,
    release: release === null ? null : archivedRelease(release, agent.clone),
    schema: readSchemaVersion(copy),
    endpoint: readEndpoint(agent.environment),
    hasSecrets,
  });
  return { entries, skipped, manifest };
}

function archivedRelease({ commit, version, runtime }: Release, clone: string): ArchivedRelease {
  return { commit, version, runtime, branch: readBranch(clone) };
}

/** What git keeps in this file for a clone that is on a branch. */
function readBranch(clone: string): string | null {
  try {
    return /^ref: refs\/heads\/(\S+)$/m.exec(fs.readFileSync(path.join(clone, '.git/HEAD'), 'utf8'))?.[1] ?? null;
  } catch {
    return null;
  }
}

/** Which names an agent's archive may hold. */
export function isExpectedName(name: string): boolean {
  const single = ['animus.db', 'settings.json', '.env', CLONE_BUNDLE, CLONE_ABOUT];
  return single.includes(name) || /^(plugins|attachments|inbox)\//.test(name) || isSessionName(name);
}

/** What waits in the spool's inbox goes along with an agent that moves; of a copy both would answer it. */
function waitingEntries(agent: AgentPaths, skipped: string[]): ArchiveEntry[] {
  const waiting: ArchiveEntry[] = [];
  addFolder(agent.folder, 'inbox', waiting, skipped);
  return waiting;
}

/** An update puts a new clone in the old one's place within moments. */
const UPDATE_WAIT_MS = 10_000;
const LOOK_MS = 50;

/** The clone, where a person worked in it; one that is as it was fetched can be fetched again, and is not worth its size. */
async function bundleOwnWork(agent: AgentPaths, folder: string, signal: AbortSignal): Promise<Result<ArchiveEntry[], string>> {
  if (!fs.existsSync(agent.clone) || !(await hasOwnWork(agent.clone))) return ok([]);
  makePrivateFolder(agent.run);
  for (const since = performance.now(); ; await delay(LOOK_MS)) {
    using held = holdClone(agent);
    if (held !== null) return await bundleClone(agent.clone, folder, signal);
    if (signal.aborted || performance.now() - since > UPDATE_WAIT_MS) return failed('an update works on it');
  }
}

/** Nobody updates the clone while this is held; null while somebody does. */
function holdClone(agent: AgentPaths): Disposable | null {
  const lock = takeHomeLock(agent.updateLock);
  return lock === null ? null : { [Symbol.dispose]: () => lock.release() };
}

function secretEntries(agent: AgentPaths): ArchiveEntry[] {
  const sessions = namesIn(agent.run)
    .map((name) => `run/${name}`)
    .filter((name) => isSessionName(name) && isFile(path.join(agent.folder, name)));
  return [...(fs.existsSync(agent.environment) ? ['.env'] : []), ...sessions].map((name) => ({
    name,
    file: path.join(agent.folder, name),
  }));
}

/** Logins that channels keep, as in `run/telegram.session`. */
export function isSessionName(name: string): boolean {
  return /^run\/[A-Za-z0-9._-]*session[A-Za-z0-9._-]*$/i.test(name);
}

function addFolder(base: string, folder: string, entries: ArchiveEntry[], skipped: string[]): void {
  for (const entry of entriesOf(path.join(base, folder))) {
    const name = `${folder}/${entry.name}`;
    // A file that is being stored still has a hidden name.
    if (entry.isDirectory() || (folder === 'attachments' && entry.name.startsWith('.'))) {
      if (entry.isDirectory()) addFolder(base, name, entries, skipped);
      continue;
    }
    if (entry.isFile() && isArchiveName(name)) entries.push({ name, file: path.join(base, name) });
    else skipped.push(name);
  }
}

function readEndpoint(file: string): string | null {
  try {
    const written = parseEnvironment(fs.readFileSync(file, 'utf8')).environment.AGENT_ENDPOINT;
    const endpoint = written === undefined ? null : parseEndpoint(written);
    return endpoint?.ok === true ? endpoint.value : null;
  } catch {
    return null;
  }
}

function entriesOf(folder: string): fs.Dirent[] {
  try {
    return fs.readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function namesIn(folder: string): string[] {
  return entriesOf(folder).map(({ name }) => name);
}

function isFile(file: string): boolean {
  return fs.lstatSync(file, { throwIfNoEntry: false })?.isFile() === true;
}

function explain(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const message = error instanceof Error ? error.message : String(error);
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB')
    return `its database is damaged (${message}); look at it with: animus doctor`;
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'SQLITE_FULL')
    return 'the disk is full: make room, or write to another one with --to';
  return message;
}
