/** Decides what becomes of a part after it was handed to its channel. */
import { unreachable } from 'animus-protocol';
import type { DeliveryOutcome } from '../message.ts';

export type DeliverDecision =
  | { kind: 'end'; state: 'sent' | 'refused' | 'uncertain'; platformId: string | null; reason: string | null }
  | { kind: 'wait'; dueAt: number; failures: number; reason: string }
  /** The whole channel waits; the part keeps its place. */
  | { kind: 'channel-down'; reason: string };

export type DeliverStanding = { failures: number; createdAt: number };

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 300_000;

export function decideDelivery(
  part: DeliverStanding,
  outcome: DeliveryOutcome,
  channel: { isIdempotent: boolean; giveUpAfterMs: number },
  now: number,
): DeliverDecision {
  switch (outcome.kind) {
    case 'delivered':
      return { kind: 'end', state: 'sent', platformId: outcome.platformId ?? null, reason: null };
    case 'refused':
      return { kind: 'end', state: 'refused', platformId: null, reason: outcome.reason };
    case 'down':
      return { kind: 'channel-down', reason: outcome.reason };
    case 'uncertain':
      if (!channel.isIdempotent) return { kind: 'end', state: 'uncertain', platformId: null, reason: outcome.reason };
      return again(part, { ...outcome, afterMs: 0 }, channel.giveUpAfterMs, now);
    case 'retry':
      return again(part, outcome, channel.giveUpAfterMs, now);
    default:
      return unreachable(outcome);
  }
}

/** Why a part may not be sent again, though its channel drops what comes twice: it may have forgotten the key. */
export function keyFault(part: { firstSentAt: number | null }, keysLastMs: number | undefined, now: number): string | null {
  if (keysLastMs === undefined || part.firstSentAt === null || now - part.firstSentAt <= keysLastMs) return null;
  return 'it may have arrived, and too much time has passed to send it again without the risk that it arrives twice';
}

type Again = { kind: 'retry' | 'uncertain'; reason: string; afterMs: number };

function again(part: DeliverStanding, { kind, reason, afterMs }: Again, giveUpAfterMs: number, now: number): DeliverDecision {
  const backoff = Math.min(FIRST_RETRY_MS * 2 ** part.failures, LONGEST_RETRY_MS);
  const dueAt = now + Math.max(backoff, afterMs);
  if (dueAt - part.createdAt > giveUpAfterMs) {
    return { kind: 'end', state: kind === 'uncertain' ? 'uncertain' : 'refused', platformId: null, reason: `gave up: ${reason}` };
  }
  return { kind: 'wait', dueAt, failures: part.failures + 1, reason };
}
