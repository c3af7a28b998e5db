/**
 * A user's memory at Letta: an identity and a block of their own, made when their first turn runs (so
 * that an absent Letta loses nobody's first message), the block attached for the turn and detached after.
 */

import type { Turn, TurnPerson } from '../queue/turn.ts';
import { databaseId, readFact, writeFact } from '../store/facts.ts';
import type { Store } from '../store/open.ts';
import type { Letta, LettaReply } from '../turn/letta.ts';

export type UserBlocks = {
  /** The block of the turn's person, made if need be, with nobody else's attached; null when Letta keeps none for them. */
  ready(turn: Turn, signal: AbortSignal): Promise<LettaReply<string | null>>;
  attach(person: TurnPerson, blockId: string, signal: AbortSignal): Promise<LettaReply<null>>;
  /** Detaches what is attached. A failure is mended before the next turn and never touches the one that ended. */
  release(signal: AbortSignal): Promise<LettaReply<null>>;
};

export function createUserBlocks(store: Store, letta: Letta): UserBlocks {
  const keep = store.prepare<[string | null, string | null, number]>('UPDATE users SET identity_id = ?, block_id = ? WHERE id = ?');
  const database = databaseId(store);
  // The fact is written in the transaction that begins a turn. It is not cleared by a commit of its own:
  // after a crash an old value only means one needless detach.
  let attached = readFact(store, 'attached_block');
  let isUnknown = readFact(store, 'attached_unknown') !== null;
  const isUsers = store.prepare<[string], number>('SELECT 1 FROM users WHERE block_id = ?').pluck();

  async function findOrMake(person: TurnPerson, signal: AbortSignal): Promise<LettaReply<string | null>> {
    if (person.blockId !== null) return { kind: 'ok', value: person.blockId };
    const name = person.displayName ?? person.username ?? person.senderId;
    // A database that was set back gives a number again, to somebody else: the time tells them apart.
    const key = `${database}-${person.userId}-${person.knownSince.toString(36)}`;
    const made = await letta.findOrMakePerson({ key, name, identityId: person.identityId, blockId: null }, signal);
    if (made.kind !== 'ok') return made.kind === 'rejected' ? { kind: 'ok', value: null } : made;
    keep.run(made.value.identityId, made.value.blockId, person.userId);
    return { kind: 'ok', value: made.value.blockId };
  }

  async function release(signal: AbortSignal): Promise<LettaReply<null>> {
    if (attached === null) return { kind: 'ok', value: null };
    const detached = await letta.detachBlock(attached, signal);
    if (detached.kind === 'ok') attached = null;
    return detached;
  }

  /** After another program ran this agent: the block of any of its users may have stayed attached. */
  async function findOut(signal: AbortSignal): Promise<LettaReply<null>> {
    const list = await letta.attachedBlocks(signal);
    if (list.kind !== 'ok') return list;
    for (const block of list.value.filter((id) => isUsers.get(id) !== undefined)) {
      const detached = await letta.detachBlock(block, signal);
      if (detached.kind !== 'ok') return detached;
    }
    writeFact(store, 'attached_unknown', null);
    isUnknown = false;
    return { kind: 'ok', value: null };
  }

  return {
    async ready(turn, signal) {
      const known: LettaReply<null> = isUnknown ? await findOut(signal) : { kind: 'ok', value: null };
      if (known.kind !== 'ok') return known;
      const block: LettaReply<string | null> = turn.person === null ? { kind: 'ok', value: null } : await findOrMake(turn.person, signal);
      if (block.kind !== 'ok' || attached === null || attached === block.value) return block;
      const released = await release(signal);
      return released.kind === 'ok' ? block : released;
    },
    async attach(person, blockId, signal) {
      attached = blockId;
      const answer = await letta.attachBlock(blockId, signal);
      // The block is gone at Letta: the next try makes another.
      if (answer.kind === 'rejected') keep.run(person.identityId, null, person.userId);
      return answer;
    },
    release,
  };
}
