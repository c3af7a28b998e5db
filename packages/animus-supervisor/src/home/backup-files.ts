/**
 * Where backups lie and what they are called: `<folder>/<date>/<id>@<time>.tar.gz`, `.age` or `.gpg` after it when
 * encrypted. An id has no `@`, so a name says surely whose it is.
 */
import fs from 'node:fs';
import path from 'node:path';
import { type AgentId, agentIdOfFolder, parseFleetConfig, readConfigFile } from 'animus-protocol';
import { makePrivateFolder } from './modes.ts';
import { namesIn } from './names-in.ts';
import { homePaths } from './paths.ts';

export type BackupFile = { file: string; agent: AgentId; day: string; time: string; bytes: number; isEncrypted: boolean };

const NAME = /^(agent-.+)@(\d{6}(?:-\d+)?)\.tar\.gz(\.age|\.gpg)?$/;
const DAY = /^\d{8}$/;

/** A moment as it stands in names: `20241201` and `030012`. */
export type Stamp = { day: string; time: string };

/** In the home's zone, as all times are shown: the day a person remembers. */
export function stampOf(now: Date, home: string): Stamp {
  const { timezone } = parseFleetConfig(readConfigFile(homePaths(home).config, 'shared').text).config;
  const zone = timezone === null ? {} : { timeZone: timezone };
  const shown = new Intl.DateTimeFormat('sv-SE', { ...zone, dateStyle: 'short', timeStyle: 'medium' }).format(now);
  const [day = '', time = ''] = shown.split(' ').map((part) => part.replaceAll(/[-:]/g, ''));
  return { day, time };
}

/** The folder of that day in `root`, which is made private when it is new. */
export function makeDayFolder(root: string, { day }: Stamp): string {
  if (!fs.existsSync(root)) makePrivateFolder(root);
  const folder = path.join(root, day);
  makePrivateFolder(folder);
  return folder;
}

/** A name that is newer than all of the agent's: one that was pruned in the same second is not taken again. */
export function backupName(folder: string, id: AgentId, { time }: Stamp, suffix: string): string {
  const times = namesIn(folder).flatMap((name) => {
    const [, agent, taken = ''] = NAME.exec(name) ?? [];
    return agent === id && taken.startsWith(time) ? [taken] : [];
  });
  const newest = times.sort(compareTimes).at(-1);
  const count = newest === undefined ? 1 : countOf(newest) + 1;
  return `${id}@${time}${count === 1 ? '' : `-${count}`}${suffix}`;
}

/** All backups in `root`, oldest first. */
export function listBackups(root: string): BackupFile[] {
  const found: BackupFile[] = [];
  for (const day of namesIn(root).filter((name) => DAY.test(name))) {
    for (const name of namesIn(path.join(root, day))) {
      const [, id = '', time = '', seal] = NAME.exec(name) ?? [];
      const agent = agentIdOfFolder(id);
      const file = path.join(root, day, name);
      const stat = agent === null ? undefined : fs.lstatSync(file, { throwIfNoEntry: false });
      if (agent === null || stat?.isFile() !== true) continue;
      found.push({ file, agent, day, time, bytes: stat.size, isEncrypted: seal !== undefined });
    }
  }
  return found.sort((a, b) => (a.day === b.day ? compareTimes(a.time, b.time) : a.day < b.day ? -1 : 1));
}

/** `030012`, and `030012-2` for the next in that second. */
function compareTimes(a: string, b: string): number {
  const [secondA = ''] = a.split('-');
  const [secondB = ''] = b.split('-');
  return secondA === secondB ? countOf(a) - countOf(b) : secondA < secondB ? -1 : 1;
}

function countOf(time: string): number {
  return Number(time.split('-')[1] ?? 1);
}

/** Deletes all but the newest `keep` backups of an agent in `root`, and gives what was deleted. Folders of removed agents stay. */
export function pruneBackups(root: string, id: AgentId, keep: number): string[] {
  const own = listBackups(root).filter(({ agent }) => agent === id);
  const old = own.slice(0, Math.max(0, own.length - Math.max(keep, 1))).map(({ file }) => file);
  for (const file of old) {
    fs.rmSync(file);
    removeIfEmpty(path.dirname(file));
  }
  return old;
}

function removeIfEmpty(folder: string): void {
  try {
    fs.rmdirSync(folder);
  } catch {
    // Others are in it.
  }
}
