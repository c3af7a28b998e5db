/**
 * Puts what a restore prepared into an agent's folder, so that a kill at any moment leaves the old or the new:
 *
 *     .restore/ is renamed in, with all that will take a place   → found like this, it is thrown away: nothing has changed
 *     .restore/animus.db takes the database's place              → from here on whoever finds it puts the rest in place
 *     settings.json, .env, plugins, clone, logins, the release   → each in one rename, in any order
 *     .restore/ is deleted
 */
import fs from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { pointLink } from '../../release/links.ts';
import { identify, isAlive } from '../../worker/proc.ts';
import { writeNewPrivateFile } from '../modes.ts';
import type { AgentPaths } from '../paths.ts';
import { syncPath } from '../sync.ts';

const plan = v.object({
  /** Who is at it. */
  maker: v.object({ pid: v.number(), startTicks: v.nullable(v.number()), bootId: v.nullable(v.string()) }),
  /** Release to be used from then on; null: the one in use. */
  release: v.nullable(v.string()),
});

/** Steps after which a test ends the process. */
export const RESTORE_STEPS = ['placed', 'database', 'settings.json', 'plugins', 'clone', 'release', 'done'] as const;
export type RestoreStep = (typeof RESTORE_STEPS)[number];

/** Files of `.restore/` that take the place of the one of that name. */
const FILES = ['settings.json', '.env'];

export function journalOf(agent: AgentPaths): string {
  return path.join(agent.folder, '.restore');
}

/**
 * `prepared` is a folder on the same disk: animus.db, and what else is to be replaced. The caller holds the folder's
 * lock, and the database that is replaced is closed, its WAL folded into it.
 */
export function putInPlace(agent: AgentPaths, prepared: string, release: string | null, reached: (step: RestoreStep) => void): void {
  writeNewPrivateFile(path.join(prepared, 'plan.json'), JSON.stringify({ maker: identify(process.pid), release }));
  const journal = journalOf(agent);
  fs.renameSync(prepared, journal);
  syncPath(agent.folder);
  reached('placed');
  for (const suffix of ['-wal', '-shm']) fs.rmSync(agent.database + suffix, { force: true });
  syncPath(path.join(journal, 'animus.db'));
  fs.renameSync(path.join(journal, 'animus.db'), agent.database);
  syncPath(agent.folder);
  reached('database');
  putRest(agent, reached);
}

/** A program that is dead began a restore here. */
export function isRestoreLeft(agent: AgentPaths): boolean {
  const journal = journalOf(agent);
  if (!fs.existsSync(journal)) return false;
  const found = readPlan(journal);
  return found === null || !isAlive({ ...found.maker, pidNamespace: null });
}

/** What a program that is dead began here is finished, or, where the database had not been replaced, thrown away. Gives which. */
export function finishRestore(agent: AgentPaths): 'finished' | 'undone' | null {
  if (!isRestoreLeft(agent)) return null;
  const journal = journalOf(agent);
  if (readPlan(journal) === null || fs.existsSync(path.join(journal, 'animus.db'))) {
    fs.rmSync(journal, { recursive: true, force: true });
    return 'undone';
  }
  putRest(agent, () => undefined);
  return 'finished';
}

function putRest(agent: AgentPaths, reached: (step: RestoreStep) => void): void {
  const journal = journalOf(agent);
  for (const name of FILES)
    if (fs.existsSync(path.join(journal, name))) fs.renameSync(path.join(journal, name), path.join(agent.folder, name));
  reached('settings.json');
  for (const name of namesIn(path.join(journal, 'run'))) fs.renameSync(path.join(journal, 'run', name), path.join(agent.run, name));
  putFolder(journal, 'plugins', agent.plugins);
  reached('plugins');
  putFolder(journal, 'broca', agent.clone);
  for (const name of namesIn(path.join(journal, 'inbox'))) putWaiting(path.join(journal, 'inbox', name), path.join(agent.inbox, name));
  reached('clone');
  const release = readPlan(journal)?.release ?? null;
  if (release !== null) pointLink(agent.currentRelease, release);
  reached('release');
  fs.rmSync(journal, { recursive: true, force: true });
  reached('done');
}

/** What stood there goes with the journal: it is in the backup that was made before. */
function putFolder(journal: string, name: string, target: string): void {
  const prepared = path.join(journal, name);
  if (!fs.existsSync(prepared)) return;
  const old = path.join(journal, `old-${name}`);
  if (fs.existsSync(target) && !fs.existsSync(old)) fs.renameSync(target, old);
  fs.renameSync(prepared, target);
}

/** A message of that name which waits here is another one, or the same. */
function putWaiting(file: string, target: string): void {
  if (!fs.existsSync(target)) fs.renameSync(file, target);
}

function readPlan(journal: string): v.InferOutput<typeof plan> | null {
  try {
    return v.parse(plan, JSON.parse(fs.readFileSync(path.join(journal, 'plan.json'), 'utf8')));
  } catch {
    return null;
  }
}

function namesIn(folder: string): string[] {
  return fs.existsSync(folder) ? fs.readdirSync(folder) : [];
}
