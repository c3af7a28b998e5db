/** What is remembered of people and chats: the key that opens each to this account, and how it is called. */
import type { ChannelState } from 'broca-core';
import * as v from 'valibot';
import { parseChat, withoutTopic } from './chat-id.ts';
import type { Peer, PeerRef } from './telegram.ts';

const PEER = 'peer:';

export type KnownPeer = { hash: string; username?: string; name?: string; isBot: boolean; isBroadcast: boolean };

const stored: v.GenericSchema<KnownPeer> = v.object({
  hash: v.string(),
  username: v.exactOptional(v.string()),
  name: v.exactOptional(v.string()),
  isBot: v.boolean(),
  isBroadcast: v.boolean(),
});

export function knownPeer(state: ChannelState, chat: string): KnownPeer | null {
  const text = state.get(PEER + withoutTopic(chat));
  if (text === null) return null;
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), stored), text);
  return parsed.success ? parsed.output : null;
}

/** What is to be written down of these peers, as far as it is new. One that was only glimpsed does not replace one that is known. */
export function peerChanges(state: ChannelState, peers: Iterable<Peer>): Record<string, string> {
  const changes: Record<string, string> = {};
  for (const { chat, hash, username, name, isBot, isBroadcast, isMin } of peers) {
    if (isMin) continue;
    const peer: KnownPeer = {
      hash,
      isBot,
      isBroadcast,
      ...(username === undefined ? {} : { username }),
      ...(name === undefined ? {} : { name }),
    };
    const text = JSON.stringify(peer);
    if (state.get(PEER + chat) !== text) changes[PEER + chat] = text;
  }
  return changes;
}

/**
 * How to reach a chat. Null for a person or channel that never showed itself to a user account. A bot opens those who
 * spoke to it without a key.
 */
export function reachPeer(state: ChannelState, chat: string, isBot: boolean): PeerRef | null {
  const parsed = parseChat(chat);
  if (parsed === null) return null;
  const { kind, id } = parsed;
  if (kind === 'group') return { kind, id, hash: '0' };
  const known = knownPeer(state, chat);
  if (known !== null) return { kind, id, hash: known.hash };
  return isBot ? { kind, id, hash: '0' } : null;
}
