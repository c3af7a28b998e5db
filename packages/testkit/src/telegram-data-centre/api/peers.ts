/**
 * How clients name accounts and chats, and whether they may: the access hash must be the one given to them. What they send is
 * `unknown` here, because the library's types also hold what only its own sending side takes (names, numbers).
 */
import type { Account, Group, Message, Peer } from '../world/model.ts';
import { badRequest } from '../world/rpc-error.ts';
import type { World } from '../world/world.ts';
import type { Caller } from './caller.ts';
import { toChat, toUser } from './objects.ts';
import { Api, toBigInt } from './tl.ts';

export function readPeer(caller: Caller, given: unknown): Peer {
  if (given instanceof Api.InputPeerSelf) return { kind: 'user', id: caller.account().id };
  if (given instanceof Api.InputPeerUser) return hashed(caller, { kind: 'user', id: Number(given.userId) }, toBigInt(given.accessHash));
  if (given instanceof Api.InputPeerChannel) {
    return hashed(caller, { kind: 'channel', id: Number(given.channelId) }, toBigInt(given.accessHash));
  }
  if (given instanceof Api.InputPeerChat) {
    const group = caller.world.groups.get(Number(given.chatId));
    if (group?.kind !== 'group' || !group.members.includes(caller.account().id)) throw badRequest('PEER_ID_INVALID');
    return { kind: 'group', id: group.id };
  }
  throw badRequest('PEER_ID_INVALID');
}

export function readUser(caller: Caller, given: unknown): Account {
  const id = given instanceof Api.InputUserSelf ? caller.account().id : given instanceof Api.InputUser ? Number(given.userId) : null;
  if (id === null) throw badRequest('USER_ID_INVALID');
  if (given instanceof Api.InputUser) hashed(caller, { kind: 'user', id }, toBigInt(given.accessHash), 'USER_ID_INVALID');
  const account = caller.world.accounts.get(id);
  if (account === undefined) throw badRequest('USER_ID_INVALID');
  return account;
}

export function readChannel(caller: Caller, given: unknown): Group {
  if (!(given instanceof Api.InputChannel)) throw badRequest('CHANNEL_INVALID');
  const peer: Peer = { kind: 'channel', id: Number(given.channelId) };
  hashed(caller, peer, toBigInt(given.accessHash), 'CHANNEL_INVALID');
  const group = caller.world.groups.get(peer.id);
  if (group === undefined) throw badRequest('CHANNEL_INVALID');
  if (!group.members.includes(caller.account().id)) throw badRequest('CHANNEL_PRIVATE');
  return group;
}

/** Bots may write 0 for the hash of whom they have met; of a channel they left they hear that it is private. */
function hashed(caller: Caller, peer: Peer, hash: bigint, error = 'PEER_ID_INVALID'): Peer {
  const { world } = caller;
  const viewer = caller.account();
  const isRight =
    hash === world.accessHash(viewer.id, peer) ||
    (viewer.isBot && hash === 0n && (peer.kind === 'channel' || hasMet(world, viewer.id, peer)));
  const exists = peer.kind === 'user' ? world.accounts.has(peer.id) : world.groups.has(peer.id);
  if (!isRight || !exists) throw badRequest(error);
  return peer;
}

export function hasMet(world: World, viewer: number, peer: Peer): boolean {
  if (peer.kind !== 'user') return world.groups.get(peer.id)?.members.includes(viewer) ?? false;
  if (peer.id === viewer) return true;
  const isTogether = [...world.groups.values()].some(({ members }) => members.includes(viewer) && members.includes(peer.id));
  return isTogether || world.history(viewer, peer).length > 0;
}

/** All accounts and chats that these messages name: an answer with messages carries them along. */
export function namedIn(world: World, viewer: number, messages: readonly Message[]): { users: Api.TypeUser[]; chats: Api.TypeChat[] } {
  const users = new Set<number>();
  const chats = new Set<number>();
  for (const { from, peer, entities, service, forward } of messages) {
    users.add(from);
    if (peer.kind === 'user') users.add(peer.id);
    else chats.add(peer.id);
    if (forward?.from?.kind === 'user') users.add(forward.from.id);
    else if (forward !== null && forward.from !== null) chats.add(forward.from.id);
    for (const { userId } of entities) if (userId !== undefined) users.add(userId);
    if (service?.kind === 'joined') for (const id of service.accounts) users.add(id);
  }
  return {
    users: [...users].flatMap((id) => {
      const account = world.accounts.get(id);
      return account === undefined ? [] : [toUser(world, account, viewer)];
    }),
    chats: [...chats].flatMap((id) => {
      const group = world.groups.get(id);
      return group === undefined ? [] : [toChat(world, group, viewer)];
    }),
  };
}
