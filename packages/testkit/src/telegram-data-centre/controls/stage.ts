/** What the parts of ./../data-centre.ts work on. */
import type { Logins } from '../api/logins.ts';
import type { Cluster } from '../cluster.ts';
import type { FaultBook, RecordedRequest } from '../faults.ts';
import type { Pushes } from '../pushes.ts';
import type { Limits } from '../world/limits.ts';
import type { Account, Group, Peer } from '../world/model.ts';
import type { World } from '../world/world.ts';

export type Stage = {
  world: World;
  cluster: Cluster;
  pushes: Pushes;
  limits: Limits;
  logins: Logins;
  faults: FaultBook;
  requests: RecordedRequest[];
  typing: { by: number; chat: Account | Group | null; action: string; at: number }[];
  homeDcId: number;
};

export function peerOf(chat: Account | Group): Peer {
  if (!('kind' in chat)) return { kind: 'user', id: chat.id };
  return { kind: chat.kind === 'group' ? 'group' : 'channel', id: chat.id };
}

export function chatOf(world: World, peer: Peer): Account | Group | null {
  return (peer.kind === 'user' ? world.accounts.get(peer.id) : world.groups.get(peer.id)) ?? null;
}
