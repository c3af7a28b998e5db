/** Faults on demand: which of the API's requests they hit, how often, and what they do to them. */
import { type FaultCount, FaultBook as SharedBook, type FaultHandle as SharedHandle } from '../fault-book.ts';
import type { Account } from './world/model.ts';

/** All that is given must fit. */
export type FaultMatch = {
  /** As the API calls it: `messages.sendMessage`; nested calls (invokeWithLayer, …) are taken off first. */
  method?: string | readonly string[];
  account?: { id: number };
  dcId?: number;
};

export type FaultDeed =
  /** Refused with an error of the API (420 FLOOD_WAIT_30, 500 …) and not carried out. */
  | { kind: 'refuse'; code: number; error: string }
  /** Carried out, never answered; the connection stays. */
  | { kind: 'lose-answer' }
  /** Carried out; the connection is reset before the answer goes out. */
  | { kind: 'drop-after' }
  /** Not carried out; the connection is reset. */
  | { kind: 'drop-before' }
  /** Not carried out, never answered. */
  | { kind: 'ignore' }
  /** Carried out when the handle releases it. */
  | { kind: 'hold' };

export type Fault = FaultMatch & FaultCount & FaultDeed;

export type FaultHandle = SharedHandle<RecordedRequest>;

export type RecordedRequest = {
  /** Real wall clock, ms. */
  at: number;
  method: string;
  /** Null before a login. */
  account: Account | null;
  dcId: number;
  /** Of the connection: `full`, `abridged`, `obfuscated abridged`, … */
  transport: string;
  /** `ok`, an error of the API, `lost` (never answered), or null while it runs. */
  outcome: string | null;
};

export function openFaultBook(): FaultBook {
  return new SharedBook<Fault, RecordedRequest>(fits);
}

export type FaultBook = SharedBook<Fault, RecordedRequest>;

function fits(match: FaultMatch, request: RecordedRequest): boolean {
  return (
    (match.method === undefined || [match.method].flat().includes(request.method)) &&
    (match.account === undefined || match.account.id === request.account?.id) &&
    (match.dcId === undefined || match.dcId === request.dcId)
  );
}
