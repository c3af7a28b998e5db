/**
 * A Broca says its pid as it sees it: in a sandbox that is one of a pid namespace of its own, and on the machine another
 * process has it. Here it is found as the supervisor, and a person with `kill`, must call it.
 */
import type { BrocaHello } from 'animus-protocol';
import { callsItself, findByEnvironment, findDescendant, findLockHolder } from './proc.ts';

/** By which a supervisor knows what it started. */
export const NONCE_VARIABLE = 'ANIMUS_WORKER_NONCE';

export type HostPidRequest = {
  hello: Pick<BrocaHello, 'pid' | 'nonce'>;
  /** The shim above it, when that lives. */
  shim: number | null;
  /** `run/lock` of its folder, which a Broca holds for as long as it lives. */
  lock: string;
};

/** Null when no process of this machine can be shown to be it. */
export function findHostPid({ hello, shim, lock }: HostPidRequest): number | null {
  const below = shim === null ? null : findDescendant(shim, hello.pid);
  if (below !== null) return below;
  const holder = findLockHolder(lock);
  if (holder !== null && callsItself(holder, hello.pid)) return holder;
  if (process.platform !== 'linux') return hello.pid;
  if (hello.nonce === null) return null;
  return findByEnvironment(NONCE_VARIABLE, hello.nonce).find((pid) => callsItself(pid, hello.pid)) ?? null;
}
