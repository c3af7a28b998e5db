/**
 * What a taking over changes in an agent's folder, written down before the first change, so that a failure
 * or a kill leaves the folder as it was: the program who finds a journal of a dead one undoes it. The
 * rename of `releases/` into its place is the one moment from which on it is done.
 */
import fs from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { identify, isAlive } from '../worker/proc.ts';
import { FOLDER_MODE, writeNewPrivateFile } from './modes.ts';
import type { AgentPaths } from './paths.ts';
import { TAKE_OVER_JOURNAL } from './python-home.ts';

const plan = v.object({
  /** Who is at it. */
  maker: v.object({ pid: v.number(), startTicks: v.nullable(v.number()), bootId: v.nullable(v.string()) }),
  /** Where the Python clone goes, or null where there is none. */
  aside: v.nullable(v.string()),
  hadEnvironment: v.boolean(),
  hadSettings: v.boolean(),
});
type Plan = v.InferOutput<typeof plan>;

export type TakeOverFiles = {
  /** New text of `.env`. */
  environment: string;
  /** Text of a new settings.json; null where there is one. */
  settings: string | null;
  /** Name that the Python clone gets beside ours; null where there is none. */
  aside: string | null;
};

/** Steps after which a test ends the process. */
export const INSTALL_STEPS = ['journal', 'settings', 'environment', 'aside', 'clone', 'releases', 'done'] as const;
export type InstallStep = (typeof INSTALL_STEPS)[number];

/** Puts what was staged and written into the folder; throws after undoing it all. False: another one is at it. */
export function installTakeOver(
  agent: AgentPaths,
  staged: AgentPaths,
  files: TakeOverFiles,
  reached: (step: InstallStep) => void,
): boolean {
  if (!beginJournal(agent, files)) return false;
  try {
    reached('journal');
    if (files.settings !== null) writeNewPrivateFile(agent.settings, files.settings);
    reached('settings');
    const next = path.join(journalOf(agent), 'env.new');
    writeNewPrivateFile(next, files.environment);
    fs.renameSync(next, agent.environment);
    reached('environment');
    if (files.aside !== null) fs.renameSync(agent.clone, path.join(agent.folder, files.aside));
    reached('aside');
    fs.renameSync(staged.clone, agent.clone);
    reached('clone');
    fs.renameSync(staged.releases, agent.releases);
    reached('releases');
  } catch (error) {
    undo(agent);
    throw error;
  }
  fs.rmSync(journalOf(agent), { recursive: true });
  reached('done');
  return true;
}

/** Undoes what a program that is dead had begun in the folder; one that lives is left alone. */
export function undoEndedTakeOver(agent: AgentPaths): void {
  const found = readPlan(agent);
  if (found !== null && !isAlive({ ...found.maker, pidNamespace: null })) undo(agent);
}

function journalOf(agent: AgentPaths): string {
  return path.join(agent.folder, TAKE_OVER_JOURNAL);
}

function beginJournal(agent: AgentPaths, files: TakeOverFiles): boolean {
  for (const name of fs.readdirSync(agent.folder)) {
    const maker = /^\.take-over\.(\d+)$/.exec(name)?.[1];
    if (maker !== undefined && !isOther(Number(maker))) fs.rmSync(path.join(agent.folder, name), { recursive: true });
  }
  const folder = `${journalOf(agent)}.${process.pid}`;
  fs.mkdirSync(folder, { mode: FOLDER_MODE });
  const hadEnvironment = fs.existsSync(agent.environment);
  if (hadEnvironment) {
    // Bytes and mode as they are: this is what is put back.
    fs.copyFileSync(agent.environment, path.join(folder, 'env'));
    fs.chmodSync(path.join(folder, 'env'), fs.statSync(agent.environment).mode);
  }
  const written: Plan = {
    maker: identify(process.pid),
    aside: files.aside,
    hadEnvironment,
    hadSettings: fs.existsSync(agent.settings),
  };
  writeNewPrivateFile(path.join(folder, 'plan.json'), JSON.stringify(written));
  try {
    fs.renameSync(folder, journalOf(agent));
    return true;
  } catch (error) {
    fs.rmSync(folder, { recursive: true, force: true });
    if (error instanceof Error && 'code' in error && (error.code === 'ENOTEMPTY' || error.code === 'EEXIST')) return false;
    throw error;
  }
}

/** Lives, and is not us under a number used again. */
function isOther(pid: number): boolean {
  return pid !== process.pid && isAlive({ ...identify(pid), pid });
}

function undo(agent: AgentPaths): void {
  const found = readPlan(agent);
  if (found === null) return;
  if (!fs.existsSync(agent.releases)) {
    const aside = found.aside === null ? null : path.join(agent.folder, found.aside);
    const isMoved = aside === null || fs.existsSync(aside);
    if (isMoved) fs.rmSync(agent.clone, { recursive: true, force: true });
    if (isMoved && aside !== null) fs.renameSync(aside, agent.clone);
    const former = path.join(journalOf(agent), 'env');
    if (fs.existsSync(former)) fs.renameSync(former, agent.environment);
    else if (!found.hadEnvironment) fs.rmSync(agent.environment, { force: true });
    if (!found.hadSettings) fs.rmSync(agent.settings, { force: true });
  }
  fs.rmSync(journalOf(agent), { recursive: true, force: true });
}

function readPlan(agent: AgentPaths): Plan | null {
  try {
    return v.parse(plan, JSON.parse(fs.readFileSync(path.join(journalOf(agent), 'plan.json'), 'utf8')));
  } catch {
    return null;
  }
}
