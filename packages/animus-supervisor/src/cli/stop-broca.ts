/**
 * Stops a Broca without a supervisor: asks it on its own socket, as a supervisor would, and waits until its process
 * has ended. Nobody is killed: who does not end in time is told of.
 */
import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type AgentId, DEFAULT_SUPERVISION, encodeFrame, supervisionOf, VERSION, type Wanted, WORKER_LINK_VERSION } from 'animus-protocol';
import { agentPaths, type HomePaths } from '../home/paths.ts';
import { openSocket } from '../worker/link.ts';
import { identify, isAlive } from '../worker/proc.ts';
import { readRecord, recordFiles, writeRecord } from '../worker/record.ts';
import { askBroca, type BrocaAnswer } from './ask-broca.ts';
import { readFleetConfig } from './fleet-config.ts';

export type StopEnd =
  /** Nothing ran. */
  | { kind: 'not-running' }
  | { kind: 'stopped' }
  /** It runs on. */
  | { kind: 'failed'; reason: string };

const LOOK_EVERY_MS = 20;
/** Its process ends a moment after its own deadline at the latest. */
const BEYOND_DEADLINE_MS = 3_000;

/** Stops whatever Broca answers in the agent's folder. */
export async function stopBroca(home: HomePaths, id: AgentId): Promise<StopEnd> {
  const { socket } = agentPaths(home.home, id);
  const answer = await askBroca(socket);
  if (answer.kind === 'not-running') return answer;
  if (answer.kind === 'silent') return { kind: 'failed', reason: 'its process does not answer: end it by its pid (see: ps -ef)' };
  const { pid } = answer.hello;
  const config = readFleetConfig(home);
  const deadlineMs = config.ok ? supervisionOf(config.value, id).stopDeadlineMs : DEFAULT_SUPERVISION.stopDeadlineMs;
  const broca = pid === null ? null : identify(pid);
  const runs = async (): Promise<boolean> => (broca === null ? (await askBroca(socket)).kind !== 'not-running' : isAlive(broca));
  const named = pid === null ? 'its pid is not known here' : `pid ${pid}`;
  const connection = await openSocket(socket);
  if (connection === null && (await runs())) return { kind: 'failed', reason: `its socket takes no connection (${named})` };
  connection?.on('error', () => {});
  connection?.write(encodeFrame({ type: 'hello', protocol: WORKER_LINK_VERSION, client: 'cli', version: VERSION }));
  connection?.write(encodeFrame({ type: 'stop', deadlineMs }));
  try {
    for (const since = performance.now(); await runs(); await delay(LOOK_EVERY_MS)) {
      if (performance.now() - since <= deadlineMs + BEYOND_DEADLINE_MS) continue;
      return {
        kind: 'failed',
        reason: `was asked to stop and has not ended within ${deadlineMs / 1000} s (${named})${pid === null ? '' : `: kill ${pid}`}`,
      };
    }
  } finally {
    connection?.destroy();
  }
  return { kind: 'stopped' };
}

/** Somebody started it with `broca run`: it has nothing that a supervisor gave it. */
export function isByHand(answer: BrocaAnswer): boolean {
  return (answer.kind === 'starting' || answer.kind === 'ready') && answer.hello.nonce === null;
}

/**
 * The next supervisor must not take a stop that was asked for for a death. Only while none runs: the records are its own.
 * `wanted` null leaves what a person wished last.
 */
export function noteStopped(home: HomePaths, id: AgentId, wanted: Wanted | null): void {
  const files = recordFiles(home.runAgents, id);
  const record = readRecord(files);
  if (record !== null && fs.existsSync(home.runAgents)) writeRecord(files, { ...record, run: null, wanted: wanted ?? record.wanted });
}
