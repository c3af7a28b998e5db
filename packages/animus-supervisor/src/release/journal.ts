/**
 * The switch from one release to another, written down step by step in `.update/`, so that a kill at any moment
 * leaves the old or the new: whoever finds what a dead program began finishes or undoes it before anything starts.
 *
 *     order.json   what was prepared; nothing has changed yet
 *     plan.json    the switch has begun: database kept, `releases/current` moved, the new release on probation
 *     done.json    it is decided for the new one: clone, `releases/former` and leftovers follow
 *
 * One file becomes the next by a rename. While there is a plan, `current` tells how far it came: it is moved
 * forward after all else, and back after all else.
 */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { failed, ok, type Result, UPDATE_PLAN } from 'animus-protocol';
import * as v from 'valibot';
import { type HomeLock, takeHomeLock } from '../fleet/lock.ts';
import { copyClosedDatabase, replaceDatabase } from '../home/database.ts';
import { FILE_MODE } from '../home/modes.ts';
import type { AgentPaths } from '../home/paths.ts';
import { syncPath } from '../home/sync.ts';
import { cleanReleases } from './clean.ts';
import { currentName, pointLink } from './links.ts';
import { swapClone } from './swap-clone.ts';

export type Order = {
  /** Names of folders in `releases/`. */
  from: string;
  to: string;
  /** `same`: the new release leaves it as it is; `migrates`: a copy is kept before; `former`: releases/former.db takes its place. */
  database: 'same' | 'migrates' | 'former';
  /** What the clone looked like when `.update/clone` was made from it; null when there is no new clone. */
  clone: string | null;
  /** Goes into the name of what is set aside. */
  at: string;
};
const order: v.GenericSchema<unknown, Order> = v.object({
  from: v.string(),
  to: v.string(),
  database: v.picklist(['same', 'migrates', 'former']),
  clone: v.nullable(v.string()),
  at: v.string(),
});

/** Moments at which a test ends the process. */
export const SWITCH_STEPS = ['kept', 'planned', 'database', 'switched', 'decided', 'swapped', 'restored', 'returned'] as const;
export type SwitchStep = (typeof SWITCH_STEPS)[number];
export type Reached = (step: SwitchStep) => void;
const ignore: Reached = () => undefined;

/** A command that works on the database is done within this time. */
const LOCK_WAIT_MS = 5_000;
const LOCK_LOOK_MS = 20;

type Files = { order: string; plan: string; done: string; kept: string; clone: string };

export function updateFiles(agent: AgentPaths): Files {
  const at = (name: string): string => path.join(agent.update, name);
  const plan = path.join(agent.folder, UPDATE_PLAN);
  return { order: at('order.json'), plan, done: at('done.json'), kept: at('animus.db'), clone: at('clone') };
}

export function writeOrder(agent: AgentPaths, value: Order): void {
  const { order: file } = updateFiles(agent);
  const next = `${file}.new`;
  fs.writeFileSync(next, `${JSON.stringify(value)}\n`, { mode: FILE_MODE, flush: true });
  fs.renameSync(next, file);
}

export function readOrder(agent: AgentPaths): Order | null {
  return readFile(updateFiles(agent).order);
}

/** A switch was begun and neither finished nor undone. */
export function isUnfinished(agent: AgentPaths): boolean {
  const { plan, done } = updateFiles(agent);
  return fs.existsSync(plan) || fs.existsSync(done);
}

/** Begins what was ordered: whoever starts now runs the new release, on probation. No Broca runs; the error says why not. */
export async function beginSwitch(agent: AgentPaths, reached: Reached = ignore): Promise<Result<Order, string>> {
  const ordered = readOrder(agent);
  if (ordered === null) return failed('nothing is prepared for it');
  if (currentName(agent) !== ordered.from) return failed('its release was switched by somebody else meanwhile');
  const files = updateFiles(agent);
  return await locked(agent, async () => {
    if (ordered.database !== 'same') await copyClosedDatabase(agent.database, files.kept);
    reached('kept');
    fs.renameSync(files.order, files.plan);
    syncPath(agent.update);
    reached('planned');
    if (ordered.database === 'former') {
      const next = `${files.kept}.former`;
      await copyClosedDatabase(agent.formerDatabase, next);
      replaceDatabase(agent.database, next);
    }
    reached('database');
    pointLink(agent.currentRelease, ordered.to);
    reached('switched');
    return ordered;
  });
}

/** Decides for the new release: it opens as soon as it sees that. */
export function decideFor(agent: AgentPaths): void {
  const { plan, done } = updateFiles(agent);
  fs.renameSync(plan, done);
  syncPath(agent.update);
}

/**
 * What follows a decision for the new release; it may run already. Gives where the clone that was in use is kept,
 * when somebody worked in it meanwhile.
 */
export async function finishSwitch(agent: AgentPaths, reached: Reached = ignore): Promise<string | null> {
  const files = updateFiles(agent);
  const done = readFile(files.done);
  if (done === null) return null;
  reached('decided');
  pointLink(agent.formerRelease, done.from);
  if (done.database !== 'migrates') fs.rmSync(agent.formerDatabase, { force: true });
  else if (fs.existsSync(files.kept)) fs.renameSync(files.kept, agent.formerDatabase);
  const aside = swapClone(agent, done.clone, done.at);
  reached('swapped');
  await cleanReleases(agent);
  await fs.promises.rm(agent.update, { recursive: true, force: true });
  return aside;
}

/** Back to the release and the database as they were. Nothing runs; the new release has taken nothing in. */
export async function undoSwitch(agent: AgentPaths, reached: Reached = ignore): Promise<Result<null, string>> {
  const files = updateFiles(agent);
  const planned = readFile(files.plan);
  if (planned === null) return ok(null);
  // Room first: on a full disk the rest must succeed.
  for (const name of [files.clone, path.join(agent.update, 'trial')]) await fs.promises.rm(name, { recursive: true, force: true });
  const undone = await locked(agent, () => {
    // Once `current` is back, or was never moved, the database is the former one's: it may have taken messages in since.
    if (currentName(agent) === planned.to) {
      if (fs.existsSync(files.kept)) replaceDatabase(agent.database, files.kept);
      reached('restored');
      pointLink(agent.currentRelease, planned.from);
    }
    reached('returned');
    fs.rmSync(files.plan, { force: true });
    return null;
  });
  if (undone.ok) await fs.promises.rm(agent.update, { recursive: true, force: true });
  return undone;
}

/** Finishes or undoes what a dead program left. Nothing of the new release may run where there is a plan. */
export async function settleSwitch(agent: AgentPaths): Promise<Result<null, string>> {
  await finishSwitch(agent);
  return await undoSwitch(agent);
}

/** With the folder's lock, so that no Broca and no command has the database. */
async function locked<T>(agent: AgentPaths, work: () => T | Promise<T>): Promise<Result<T, string>> {
  const lock = await waitForLock(agent.lock);
  if (lock === null) return failed('its folder is in use by a Broca, or by a command that does not end');
  try {
    return ok(await work());
  } finally {
    lock.release();
  }
}

async function waitForLock(file: string): Promise<HomeLock | null> {
  for (const since = performance.now(); ; await delay(LOCK_LOOK_MS)) {
    const lock = takeHomeLock(file);
    if (lock !== null || performance.now() - since > LOCK_WAIT_MS) return lock;
  }
}

function readFile(file: string): Order | null {
  try {
    return v.parse(order, JSON.parse(fs.readFileSync(file, 'utf8')));
  } catch {
    return null;
  }
}
