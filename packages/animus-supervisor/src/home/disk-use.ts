/** What takes room on the disk: blocks, as `du` counts them, so that sparse files and file systems that compress tell the truth. */
import fs from 'node:fs';
import path from 'node:path';
import { type AgentId, agentIdOfFolder } from 'animus-protocol';
import { namesIn } from './names-in.ts';
import { agentPaths, type HomePaths } from './paths.ts';

export const DISK_PARTS: readonly DiskPart[] = ['database', 'logs', 'attachments', 'spool', 'releases', 'clone', 'backups', 'other'];
export type DiskPart = 'database' | 'logs' | 'attachments' | 'spool' | 'releases' | 'clone' | 'backups' | 'other';

/** Bytes of each part. `spool`: inbox and outbox; nobody but who uses them takes files out. `other`: plugins, configuration, sockets. */
export type DiskUse = Record<DiskPart, number>;

/** The unit of `st_blocks`, whatever the file system's own is (POSIX, sys/stat.h in Linux's inode(7)). */
const BLOCK = 512;

/** `backups`: the folder where the home's are. Files that others may remove at this moment count as nothing. */
export function diskUseOfAgent(home: string, id: AgentId, backups: string): DiskUse {
  const agent = agentPaths(home, id);
  const seen = new Set<string>();
  const use = (...files: string[]): number => files.reduce((sum, file) => sum + bytesOf(file, seen), 0);
  const database = use(agent.database, `${agent.database}-wal`, `${agent.database}-shm`);
  const logs = use(agent.logs);
  const attachments = use(path.join(agent.folder, 'attachments'));
  const spool = use(agent.inbox, agent.outbox);
  const releases = use(agent.releases, agent.update);
  const clone = use(agent.clone);
  // What was counted above is not counted again.
  const other = use(agent.folder);
  return { database, logs, attachments, spool, releases, clone, backups: bytesOfBackups(backups, id), other };
}

/** What all agents share: runtimes, the supervisor's logs, and what is left of the home. */
export function diskUseOfHome({ runtimes, logs }: HomePaths): { runtime: number; logs: number } {
  const seen = new Set<string>();
  return { runtime: bytesOf(runtimes, seen), logs: bytesOf(logs, seen) };
}

/** `<date>/<id>@<time>…` files, and folders `<date>/<id>` of agents that were removed. */
function bytesOfBackups(root: string, id: AgentId): number {
  const seen = new Set<string>();
  let bytes = 0;
  for (const day of namesIn(root).filter((name) => /^\d{8}$/.test(name))) {
    for (const name of namesIn(path.join(root, day))) {
      const of = agentIdOfFolder(name.split('@', 1)[0] ?? '');
      if (of === id || agentIdOfFolder(name.replace(/\.\d+$/, '')) === id) bytes += bytesOf(path.join(root, day, name), seen);
    }
  }
  return bytes;
}

/** Of a file, or of a folder with all that is in it; links are not followed, and what has several names counts once. */
function bytesOf(start: string, seen: Set<string>): number {
  let bytes = 0;
  const todo = [start];
  for (let file = todo.pop(); file !== undefined; file = todo.pop()) {
    const stat = lookAt(file);
    if (stat === null) continue;
    const inode = `${stat.dev}:${stat.ino}`;
    if (seen.has(inode)) continue;
    seen.add(inode);
    bytes += stat.blocks * BLOCK;
    if (stat.isDirectory()) for (const name of namesIn(file)) todo.push(path.join(file, name));
  }
  return bytes;
}

function lookAt(file: string): fs.Stats | null {
  try {
    return fs.lstatSync(file);
  } catch {
    return null;
  }
}
