/** Removes releases and runtimes that nobody needs: never one in use, the one a rollback goes to, or what these run on. */
import fs from 'node:fs';
import path from 'node:path';
import { type AgentPaths, agentFolderPaths, homePaths } from '../home/paths.ts';
import { readRelease } from '../home/release-file.ts';
import { sweepStages } from '../home/stage.ts';
import { currentName, linkName } from './links.ts';

/** Of an agent: all but the release in use and the former one. Gives the names of what was removed. */
export async function cleanReleases(agent: AgentPaths): Promise<string[]> {
  const kept = new Set([currentName(agent), linkName(agent.formerRelease)]);
  sweepStages(agent.releases);
  const removed: string[] = [];
  for (const entry of fs.readdirSync(agent.releases, { withFileTypes: true })) {
    if (!entry.isDirectory() || entry.name.startsWith('.') || kept.has(entry.name)) continue;
    await fs.promises.rm(path.join(agent.releases, entry.name), { recursive: true, force: true });
    removed.push(entry.name);
  }
  return removed;
}

/** Of a home: all that no release of any agent runs on, `newest` apart. Gives the versions that were removed. */
export async function cleanRuntimes(home: string, newest: string): Promise<string[]> {
  const used = new Set([newest, ...usedRuntimes(home)]);
  const { runtimes } = homePaths(home);
  sweepStages(runtimes);
  const removed: string[] = [];
  for (const entry of fs.readdirSync(runtimes, { withFileTypes: true })) {
    if (!entry.isDirectory() || entry.name.startsWith('.') || used.has(entry.name)) continue;
    await fs.promises.rm(path.join(runtimes, entry.name), { recursive: true, force: true });
    removed.push(entry.name);
  }
  return removed;
}

/** Also those of agents that are just being deployed, in their stages. */
function usedRuntimes(home: string): string[] {
  const used: string[] = [];
  for (const folder of fs.readdirSync(home, { withFileTypes: true })) {
    const { releases } = agentFolderPaths(path.join(home, folder.name));
    if (!folder.isDirectory() || !fs.existsSync(releases)) continue;
    for (const name of fs.readdirSync(releases)) {
      const release = readRelease(path.join(releases, name, 'release.json'));
      if (release !== null) used.push(release.runtime);
    }
  }
  return used;
}
