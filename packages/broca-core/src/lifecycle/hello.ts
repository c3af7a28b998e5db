/** How a Broca names itself to whoever connects. */
import { type BrocaHello, VERSION, WORKER_LINK_VERSION } from 'animus-protocol';
import type { Probation } from './probation.ts';

export type BrocaIdentity = {
  /** Folder of the release it runs from; null when it runs from a checkout. */
  releaseFolder: string | null;
  release: string | null;
  /** ANIMUS_WORKER_NONCE: a supervisor started it, and will start it again. */
  nonce: string | null;
  startedAt: number;
};

export function helloOf({ release, startedAt, nonce }: BrocaIdentity, agentId: string, probation: Probation): BrocaHello {
  return {
    type: 'hello',
    protocol: WORKER_LINK_VERSION,
    pid: process.pid,
    agentId,
    version: VERSION,
    release,
    startedAt,
    nonce,
    // Asked at each greeting.
    get onProbation() {
      return !probation.isOver;
    },
  };
}
