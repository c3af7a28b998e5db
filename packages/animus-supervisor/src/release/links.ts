/** The links in `releases/`: `current` and `former`. Each is moved in one rename. */
import fs from 'node:fs';
import path from 'node:path';
import type { AgentPaths } from '../home/paths.ts';
import { syncPath } from '../home/sync.ts';

/** Makes `link` lead to `name` beside it, on the disk when this returns. */
export function pointLink(link: string, name: string): void {
  const next = path.join(path.dirname(link), `.${path.basename(link)}.new`);
  fs.rmSync(next, { force: true });
  fs.symlinkSync(name, next);
  fs.renameSync(next, link);
  syncPath(path.dirname(link));
}

/** The name `releases/current` leads to; null where there is none. */
export function currentName(agent: AgentPaths): string | null {
  return linkName(agent.currentRelease);
}

export function linkName(link: string): string | null {
  try {
    return path.basename(fs.readlinkSync(link));
  } catch {
    return null;
  }
}
