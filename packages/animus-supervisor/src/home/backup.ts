/**
 * Takes an agent out of the home without losing anything of it: its folder is moved to `backups/<date>/<id>` in one
 * rename, then what can be made again (releases, sockets, an untouched clone) is deleted there.
 */
import fs from 'node:fs';
import path from 'node:path';
import { type AgentId, failed, ok, type Result } from 'animus-protocol';
import { type HomeLock, takeHomeLock } from '../fleet/lock.ts';
import { stampOf } from './backup-files.ts';
import { foldDatabase } from './database-facts.ts';
import { hasOwnWork } from './git.ts';
import { makePrivateFolder } from './modes.ts';
import { agentFolderPaths, agentPaths, homePaths } from './paths.ts';

/** Gives the backup's folder. Refused while a Broca runs in the agent's. `held` is its lock, where the caller has it; it is released. */
export async function archiveAgent(home: string, id: AgentId, now: Date, held: HomeLock | null = null): Promise<Result<string, string>> {
  const agent = agentPaths(home, id);
  makePrivateFolder(agent.run);
  const lock = held ?? takeHomeLock(agent.lock);
  if (lock === null)
    return failed(
      `the Broca of ${id} still runs (its folder is locked): stop it first, with animus stop ${id} or by ending the \`broca run\` that somebody started`,
    );
  let target: string;
  try {
    foldDatabase(agent.database);
    target = freeFolder(path.join(homePaths(home).backups, stampOf(now, home).day), id);
    fs.renameSync(agent.folder, target);
  } finally {
    lock.release();
  }
  const archived = agentFolderPaths(target);
  for (const folder of [archived.releases, archived.run]) fs.rmSync(folder, { recursive: true, force: true });
  if (!(await hasOwnWork(archived.clone))) fs.rmSync(archived.clone, { recursive: true, force: true });
  return ok(target);
}

function freeFolder(day: string, id: AgentId): string {
  makePrivateFolder(path.dirname(day));
  makePrivateFolder(day);
  for (let count = 1; ; count += 1) {
    const folder = path.join(day, count === 1 ? id : `${id}.${count}`);
    if (!fs.existsSync(folder)) return folder;
  }
}
