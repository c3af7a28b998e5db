/** Changes single values of an agent's `.env`; all else in it stays byte by byte, and a kill leaves the old or the new. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { failed, ok, type Result, setEnvironmentValues } from 'animus-protocol';
import { identify, isAlive } from '../worker/proc.ts';
import { FILE_MODE } from './modes.ts';
import type { AgentPaths } from './paths.ts';
import { syncPath } from './sync.ts';

/** Refuses when somebody else has changed the file since `before` was read. */
export function changeEnvironment(agent: AgentPaths, before: string, values: Readonly<Record<string, string>>): Result<null, string> {
  const changed = setEnvironmentValues(before, values);
  if (!changed.ok) return changed;
  sweep(agent);
  const hidden = `${agent.environment}.${process.pid}.${randomBytes(4).toString('hex')}.new`;
  try {
    fs.writeFileSync(hidden, changed.value, { mode: FILE_MODE, flag: 'wx', flush: true });
    if (fs.readFileSync(agent.environment, 'utf8') !== before) return failed('somebody changed .env meanwhile: try again');
    fs.renameSync(hidden, agent.environment);
  } finally {
    fs.rmSync(hidden, { force: true });
  }
  syncPath(agent.folder);
  return ok(null);
}

/** What a command that was killed left: it holds a key. */
function sweep(agent: AgentPaths): void {
  for (const name of fs.readdirSync(agent.folder)) {
    const pid = /^\.env\.(\d+)\.[0-9a-f]{8}\.new$/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(identify(Number(pid)))) fs.rmSync(path.join(agent.folder, name), { force: true });
  }
}
