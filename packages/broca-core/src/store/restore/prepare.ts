/**
 * Makes a copy of a database fit to take the place of the one that went on after it. What was open in the copy has
 * most likely been answered since, so none of it is simply taken up again:
 *
 *     the database that went on is there   → it knows: what became of each turn and part is taken from it (follow.ts)
 *     it is not, or is another             → nobody knows: open turns are set aside, parts become uncertain, and a
 *                                            turn that ran is looked up at Letta (fence.ts)
 *     the agent was shut down for good     → nothing came after the copy, and it goes on as it was
 *
 * What waits in the database that is replaced comes along in any case: it was accepted (carry.ts).
 */
import { failed, ok, type Result } from 'animus-protocol';
import { databaseId, readFact } from '../facts.ts';
import { describeOpenFault, openStore, type Store } from '../open.ts';
import { carryOver } from './carry.ts';
import { type FenceRequest, fence } from './fence.ts';
import { followPresent } from './follow.ts';
import type { RestoreReport, RestoreRequest } from './request.ts';

export function prepareRestore(request: RestoreRequest): Result<RestoreReport, string> {
  const copy = open(request.copy);
  if (!copy.ok) return copy;
  const present = request.present === null ? null : open(request.present);
  // One that cannot be opened tells nothing: it is in the backup that was made of it.
  const isSame = present?.ok === true && !request.isOtherAgent && sameId(copy.value, present.value);
  if (present?.ok === true) present.value.close();
  const store = copy.value;
  try {
    if (present?.ok === true) store.prepare('ATTACH ? AS present').run(request.present);
    const report = store.transaction(() => prepare(store, request, present?.ok === true, isSame)).immediate();
    if (present?.ok === true) store.exec('DETACH present');
    // One file is all of it.
    store.pragma('wal_checkpoint(TRUNCATE)');
    store.pragma('journal_mode = DELETE');
    return ok(report);
  } finally {
    store.close();
  }
}

function prepare(store: Store, request: RestoreRequest, hasPresent: boolean, isSame: boolean): RestoreReport {
  if (isSame) return followPresent(store, request.now);
  const report =
    request.isFinal && !request.isOtherAgent
      ? { isFollowed: false, parked: [], uncertain: 0, settling: null, carried: 0 }
      : fence(store, { ...request, told: toldOf(request) });
  return hasPresent && !request.isOtherAgent ? { ...report, carried: carryOver(store) } : report;
}

function toldOf({ takenAt }: RestoreRequest): FenceRequest['told'] {
  const restored = `a backup of ${new Date(takenAt).toISOString()} was restored`;
  return {
    turn: `${restored}, and this may have been answered after that: look at the conversation, then retry or settle it`,
    part: `${restored}, and this may have been handed over after that`,
  };
}

function open(file: string): Result<Store, string> {
  const opened = openStore(file);
  if (opened.ok) return opened;
  return failed(opened.error.kind === 'damaged' ? `${file} is damaged` : describeOpenFault(file, opened.error));
}

function sameId(one: Store, other: Store): boolean {
  return readFact(one, 'database_id') !== null && databaseId(one) === databaseId(other);
}
