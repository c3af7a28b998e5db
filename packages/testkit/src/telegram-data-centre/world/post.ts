/** What a new, changed or deleted message means for the boxes of all who see it. */
import type { BoxOwner, Entity, Forward, Group, LedgerEntry, Media, Message, Peer, Service } from './model.ts';
import type { World } from './world.ts';

export type Draft = {
  from: number;
  /** As the sender names it. */
  to: Peer;
  text: string;
  entities?: readonly Entity[];
  media?: Media | null;
  service?: Service | null;
  /** Id in the sender's box, or the channel's. */
  replyTo?: number | null;
  groupedId?: bigint | null;
  topic?: number | null;
  forward?: Forward | null;
};

/** Stores the message for all who see it; the result is the sender's copy (the only one, in a channel). */
export function post(world: World, draft: Draft, ledger: LedgerEntry | null): Message {
  const number = world.nextPost();
  const messages = viewsOf(world, draft).map(({ owner, peer }) => {
    const box = world.box(owner);
    const message: Message = {
      ...{ id: box.lastMessageId + 1, post: number, from: draft.from, peer },
      ...{ date: world.seconds(), editedAt: null, text: draft.text, entities: [...(draft.entities ?? [])] },
      ...{ media: draft.media ?? null, service: draft.service ?? null, groupedId: draft.groupedId ?? null },
      ...{ topic: draft.topic ?? null, forward: draft.forward ?? null, replyTo: replyIn(world, draft, owner) },
    };
    return { owner, pts: box.pts + 1, message };
  });
  const [first] = messages;
  if (first === undefined) throw new Error('a message that nobody sees');
  const entry = ledger === null ? null : { ...ledger, messageId: first.message.id };
  world.commit({ kind: 'posted', messages, ledger: entry });
  return first.message;
}

/** All copies of one logical message, with the boxes they lie in. */
export function copiesOf(world: World, message: Message): { owner: BoxOwner; message: Message }[] {
  if (message.peer.kind === 'channel') return [{ owner: { kind: 'channel', id: message.peer.id }, message }];
  return [...world.accounts.keys()].flatMap((id) => {
    const owner: BoxOwner = { kind: 'account', id };
    return [...world.box(owner).messages.values()]
      .filter(({ post: number }) => number === message.post)
      .map((copy) => ({ owner, message: copy }));
  });
}

export function edit(world: World, message: Message, text: string, entities: readonly Entity[]): void {
  for (const { owner, message: copy } of copiesOf(world, message)) {
    const pts = world.box(owner).pts + 1;
    world.commit({ kind: 'edited', owner, pts, messageId: copy.id, text, entities: [...entities], date: world.seconds() });
  }
}

export function remove(world: World, message: Message): void {
  for (const { owner, message: copy } of copiesOf(world, message)) {
    world.commit({ kind: 'deleted', owner, pts: world.box(owner).pts + 1, messageIds: [copy.id], date: world.seconds() });
  }
}

type View = { owner: BoxOwner; peer: Peer };

/** The sender's first. */
function viewsOf(world: World, { from, to }: Draft): View[] {
  switch (to.kind) {
    case 'channel':
      return [{ owner: { kind: 'channel', id: to.id }, peer: to }];
    case 'user':
      return [
        { owner: accountBox(from), peer: to },
        ...(to.id === from ? [] : [{ owner: accountBox(to.id), peer: { kind: 'user', id: from } as const }]),
      ];
    case 'group':
      return [from, ...groupOf(world, to.id).members.filter((id) => id !== from)].map((id) => ({ owner: accountBox(id), peer: to }));
  }
}

function accountBox(id: number): BoxOwner {
  return { kind: 'account', id };
}

export function groupOf(world: World, id: number): Group {
  const group = world.groups.get(id);
  if (group === undefined) throw new Error(`there is no group ${id}`);
  return group;
}

/** The answered message's id in the other box; null where it was deleted. */
function replyIn(world: World, { from, to, replyTo }: Draft, owner: BoxOwner): number | null {
  const original = replyTo == null ? undefined : world.box(world.ownerOf(from, to)).messages.get(replyTo);
  if (original === undefined) return null;
  if (owner.kind === 'channel') return original.id;
  return [...world.box(owner).messages.values()].find(({ post: number }) => number === original.post)?.id ?? null;
}

/** By name in the text, by an entity, or because the message answers one of theirs. */
export function isMentioned(world: World, message: Message, viewer: number): boolean {
  if (message.peer.kind === 'user' || viewer === message.from) return false;
  const username = world.accounts.get(viewer)?.username?.toLowerCase();
  const answered = message.replyTo === null ? undefined : world.box(world.ownerOf(viewer, message.peer)).messages.get(message.replyTo);
  return (
    answered?.from === viewer ||
    message.entities.some(
      ({ kind, offset, length, userId }) =>
        userId === viewer ||
        (kind === 'Mention' && username !== undefined && message.text.slice(offset, offset + length).toLowerCase() === `@${username}`),
    )
  );
}
