/** A Unix user of an agent's own, as root may give it: who that is, and what of the agent's folder becomes theirs. */
import { chmodSync, lchownSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { failed, ok, type Result } from 'animus-protocol';
import type { AgentPaths } from '../home/paths.ts';

export type UserIdentity = { uid: number; gid: number };

/** `name`: as animus.config.json says it, a name or a number. */
export function findUser(name: string): Result<UserIdentity, string> {
  if (process.getuid?.() !== 0)
    return failed(`only root can run an agent as another user (${name}): run animus as root, or take "user" away`);
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [login, , uid, gid] = line.split(':');
    if (login !== undefined && uid !== undefined && (login === name || uid === name)) return ok({ uid: Number(uid), gid: Number(gid) });
  }
  // A number needs no entry there.
  if (/^[0-9]+$/.test(name)) return ok({ uid: Number(name), gid: Number(name) });
  return failed(`there is no user ${name} on this machine: make one (useradd --system ${name}), or mend "user" in animus.config.json`);
}

/**
 * Makes the folder and what an agent writes theirs. What is built for it stays root's, and may be read: the folder above keeps
 * everybody else out. Nothing of the agent runs meanwhile, and links are not followed.
 */
export function giveToUser(agent: AgentPaths, { uid, gid }: UserIdentity): void {
  const kept = new Set([agent.clone, agent.plugins, agent.releases]);
  own(agent.folder);
  for (const name of readdirSync(agent.folder)) {
    const file = path.join(agent.folder, name);
    if (!kept.has(file)) eachBelow(file, own);
  }
  eachBelow(agent.releases, letRead);

  function own(file: string): void {
    const stat = lstatSync(file);
    if (stat.uid !== uid || stat.gid !== gid) lchownSync(file, uid, gid);
  }
}

/** A folder that all users may read, with all below it. */
export function letRead(file: string): void {
  const stat = lstatSync(file);
  if (stat.isSymbolicLink()) return;
  const wanted = stat.mode | 0o444 | (stat.isDirectory() || (stat.mode & 0o100) !== 0 ? 0o111 : 0);
  if (stat.mode !== wanted) chmodSync(file, wanted & 0o7777);
}

export function eachBelow(file: string, call: (file: string) => void): void {
  const stat = lstatSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return;
  call(file);
  if (stat.isDirectory()) for (const name of readdirSync(file)) eachBelow(path.join(file, name), call);
}
