/**
 * Finds the Broca that runs already for an agent: the one a former supervisor started, or one a person
 * started by hand. Asked before every first start; when nobody can tell, nobody is started.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { AgentId, BrocaHello, Isolation, TreeHold } from 'animus-protocol';
import type { Exit } from './death.ts';
import { findHostPid, NONCE_VARIABLE } from './host-pid.ts';
import { askHello } from './link.ts';
import {
  findByEnvironment,
  findLockHolder,
  hasInEnvironment,
  identify,
  isAlive,
  isOfAnEarlierBoot,
  type ProcessIdentity,
  readProcessStat,
} from './proc.ts';
import { type RecordFiles, type RunRecord, readExitStatus } from './record.ts';
import { endTree } from './tree.ts';

export type LookResult =
  | {
      kind: 'found';
      /** Whose death is the run's death: the shim, or Broca itself where it has none. */
      identity: ProcessIdentity;
      /** Its process group when that is ours to end; null for a Broca started by hand. */
      group: number | null;
      nonce: string | null;
      startedAt: number;
      isolation: Isolation;
      tree: TreeHold;
      cgroup: string | null;
    }
  | { kind: 'none'; last: Exit | null }
  | { kind: 'unsure'; reason: string };

export type LookRequest = { agent: AgentId; socket: string; lock: string; files: RecordFiles; run: RunRecord | null; version: string };

/** Nothing is known of how it was started. */
const UNKNOWN = { isolation: 'none', tree: 'marker', cgroup: null } as const;
/** A Broca under load answers late; one that is stopped never does. */
const HELLO_WITHIN_MS = 2_000;

export async function lookForBroca(request: LookRequest): Promise<LookResult> {
  const { run } = request;
  const recorded = run === null ? null : findRecorded(run, request.lock);
  if (run !== null && recorded !== null) {
    const { nonce, startedAt, isolation, tree, cgroup } = run;
    const group = readProcessStat(recorded.pid)?.group ?? recorded.pid;
    return { kind: 'found', identity: recorded, group, nonce, startedAt, isolation, tree, cgroup };
  }
  const greeting = await askHello(request.socket, request.version, HELLO_WITHIN_MS);
  switch (greeting.kind) {
    case 'hello':
      return judgeHello(request, greeting.hello);
    case 'silent':
      return { kind: 'unsure', reason: `something listens at ${request.socket}, but does not say hello; end it, or wait until it answers` };
    case 'left':
      return { kind: 'unsure', reason: `something listened at ${request.socket} and is ending; it is asked again` };
    case 'nobody':
      if (run === null) return { kind: 'none', last: null };
      // The machine went down, and it with it: that is no death of its own.
      if (run.shim !== null && isOfAnEarlierBoot(run.shim)) return { kind: 'none', last: null };
      // It died while nobody watched: what it left is in nobody's group any more.
      await endTree({ ...run, group: null });
      return { kind: 'none', last: readExitStatus(request.files, run.nonce) ?? { kind: 'unknown' } };
  }
}

/**
 * The shim of a recorded run, if it lives. An intent without a pid is looked up by its nonce; so is a Broca that lost its shim,
 * which has its folder's lock: it may hang, and must not be taken for dead then.
 */
function findRecorded(run: RunRecord, lock: string): ProcessIdentity | null {
  if (run.shim !== null && isAlive(run.shim)) return run.shim;
  if (run.shim !== null) {
    const holder = findLockHolder(lock);
    return holder !== null && hasInEnvironment(holder, NONCE_VARIABLE, run.nonce) ? identify(holder) : null;
  }
  for (const pid of findByEnvironment(NONCE_VARIABLE, run.nonce)) {
    const identity = identify(readProcessStat(pid)?.group ?? pid);
    if (isAlive(identity)) return identity;
  }
  return null;
}

function judgeHello({ agent, run, lock }: LookRequest, hello: BrocaHello): LookResult {
  if (hello.agentId !== agent) {
    return { kind: 'unsure', reason: `the Broca of ${hello.agentId} answers in this agent's folder (pid ${hello.pid}); stop it first` };
  }
  const pid = findHostPid({ hello, shim: null, lock });
  const identity = pid === null ? null : identify(pid);
  if (identity === null || !isAlive(identity))
    return { kind: 'unsure', reason: `a Broca answers as pid ${hello.pid}, but no such process can be seen from here` };
  // Ours, though its shim is gone: what it started is still in the group the shim made.
  const isOurs = run !== null && hello.nonce === run.nonce;
  const group = isOurs ? (readProcessStat(identity.pid)?.group ?? null) : null;
  const { isolation, tree, cgroup } = isOurs ? run : UNKNOWN;
  return { kind: 'found', identity, group, nonce: hello.nonce, startedAt: hello.startedAt, isolation, tree, cgroup };
}

/** Resolves when the process is gone. For those that are no children of ours: no event tells of their death. */
export async function untilGone(identity: ProcessIdentity, signal: AbortSignal): Promise<boolean> {
  for (let pauseMs = 10; !signal.aborted; pauseMs = Math.min(500, pauseMs * 1.5)) {
    if (!isAlive(identity)) return true;
    await wait(pauseMs, undefined, { ref: false, signal }).catch(() => undefined);
  }
  return false;
}
