/** What happened since (https://core.telegram.org/api/updates): the state of a box, and the difference to it. */
import type { BoxOwner, LoggedUpdate, Message } from '../world/model.ts';
import { badRequest } from '../world/rpc-error.ts';
import type { World } from '../world/world.ts';
import { type Caller, type Handlers, method } from './caller.ts';
import { toMessage } from './objects.ts';
import { namedIn, readChannel } from './peers.ts';
import { Api, big } from './tl.ts';

export const updateMethods: Handlers = {
  'updates.GetState': method('account', (_request, caller) =>
    stateAt(caller.world, accountBox(caller), caller.world.box(accountBox(caller)).pts),
  ),
  'updates.GetDifference': method('account', getDifference),
  'updates.GetChannelDifference': method('account', getChannelDifference),
};

function accountBox(caller: Caller): BoxOwner {
  return { kind: 'account', id: caller.account().id };
}

function stateAt(world: World, owner: BoxOwner, pts: number): Api.updates.State {
  const unread = owner.kind === 'account' ? [...world.box(owner).messages.values()].filter(({ from }) => from !== owner.id).length : 0;
  return new Api.updates.State({ pts, qts: 0, date: world.seconds(), seq: 1, unreadCount: unread });
}

/** One entry of a box's log as an update; null for a new message that is deleted since. */
export function toUpdate(world: World, owner: BoxOwner, update: LoggedUpdate, viewer: number): Api.TypeUpdate | null {
  const { pts, messageIds } = update;
  const ptsCount = messageIds.length;
  const channelId = owner.kind === 'channel' ? big(owner.id) : null;
  if (update.kind === 'delete') {
    return channelId === null
      ? new Api.UpdateDeleteMessages({ messages: messageIds, pts, ptsCount })
      : new Api.UpdateDeleteChannelMessages({ channelId, messages: messageIds, pts, ptsCount });
  }
  const stored = world.box(owner).messages.get(messageIds[0] ?? 0);
  if (stored === undefined) return null;
  const message = toMessage(world, stored, viewer);
  if (update.kind === 'edit') {
    return channelId === null
      ? new Api.UpdateEditMessage({ message, pts, ptsCount })
      : new Api.UpdateEditChannelMessage({ message, pts, ptsCount });
  }
  return channelId === null
    ? new Api.UpdateNewMessage({ message, pts, ptsCount })
    : new Api.UpdateNewChannelMessage({ message, pts, ptsCount });
}

type Gathered = {
  newMessages: Api.TypeMessage[];
  otherUpdates: Api.TypeUpdate[];
  users: Api.TypeUser[];
  chats: Api.TypeChat[];
};

function gather(world: World, owner: BoxOwner, updates: readonly LoggedUpdate[], viewer: number): Gathered {
  const { messages } = world.box(owner);
  const named = updates
    .flatMap(({ kind, messageIds }) => (kind === 'delete' ? [] : messageIds))
    .flatMap((id): Message[] => {
      const message = messages.get(id);
      return message === undefined ? [] : [message];
    });
  const newIds = updates.filter(({ kind }) => kind === 'new').flatMap(({ messageIds }) => messageIds);
  return {
    newMessages: newIds.flatMap((id) => {
      const message = messages.get(id);
      return message === undefined ? [] : [toMessage(world, message, viewer)];
    }),
    otherUpdates: updates.filter(({ kind }) => kind !== 'new').flatMap((update) => toUpdate(world, owner, update, viewer) ?? []),
    ...namedIn(world, viewer, named),
  };
}

function getDifference(request: Api.updates.GetDifference, caller: Caller): Api.updates.TypeDifference {
  const { world, settings } = caller;
  const owner = accountBox(caller);
  const box = world.box(owner);
  if (request.pts < 1) throw badRequest('PERSISTENT_TIMESTAMP_EMPTY');
  if (request.date < 1) throw badRequest('DATE_EMPTY');
  if (request.pts > box.pts) throw badRequest('PERSISTENT_TIMESTAMP_INVALID');
  if (request.pts < box.forgottenPts) return new Api.updates.DifferenceTooLong({ pts: box.pts });
  const missed = box.log.filter(({ pts }) => pts > request.pts);
  if (request.ptsTotalLimit && missed.length > request.ptsTotalLimit) return new Api.updates.DifferenceTooLong({ pts: box.pts });
  const tooLong = changedChannels(world, owner.id, request.date);
  if (missed.length === 0 && tooLong.length === 0) return new Api.updates.DifferenceEmpty({ date: world.seconds(), seq: 1 });
  const slice = missed.slice(0, Math.min(request.ptsLimit || settings.differenceLimit, settings.differenceLimit));
  const isLast = slice.length === missed.length;
  const gathered = gather(world, owner, slice, owner.id);
  const state = stateAt(world, owner, isLast ? box.pts : (slice.at(-1)?.pts ?? box.pts));
  const answer = { ...gathered, newEncryptedMessages: [] };
  if (!isLast) return new Api.updates.DifferenceSlice({ ...answer, intermediateState: state });
  return new Api.updates.Difference({ ...answer, otherUpdates: [...gathered.otherUpdates, ...tooLong], state });
}

/** Supergroups have a state of their own: a client is told which changed, and asks for each. */
function changedChannels(world: World, viewer: number, since: number): Api.TypeUpdate[] {
  return [...world.groups.values()]
    .filter(({ kind, members }) => kind !== 'group' && members.includes(viewer))
    .flatMap(({ id }) => {
      const box = world.box({ kind: 'channel', id });
      return (box.log.at(-1)?.date ?? 0) >= since ? [new Api.UpdateChannelTooLong({ channelId: big(id), pts: box.pts })] : [];
    });
}

function getChannelDifference(request: Api.updates.GetChannelDifference, caller: Caller): Api.updates.TypeChannelDifference {
  const { world, settings } = caller;
  const viewer = caller.account().id;
  const { id } = readChannel(caller, request.channel);
  const owner: BoxOwner = { kind: 'channel', id };
  const box = world.box(owner);
  if (request.limit < 1) throw badRequest('LIMIT_INVALID');
  if (request.pts < 1) throw badRequest('PERSISTENT_TIMESTAMP_EMPTY');
  if (request.pts > box.pts) throw badRequest('PERSISTENT_TIMESTAMP_INVALID');
  const missed = box.log.filter(({ pts }) => pts > request.pts);
  if (missed.length > Math.min(request.limit, settings.channelDifferenceLimit) || request.pts < box.forgottenPts) {
    return channelTooLong(world, owner, viewer);
  }
  if (missed.length === 0) return new Api.updates.ChannelDifferenceEmpty({ final: true, pts: box.pts, timeout: 30 });
  const slice = missed.slice(0, settings.differenceLimit);
  const isLast = slice.length === missed.length;
  const pts = isLast ? box.pts : (slice.at(-1)?.pts ?? box.pts);
  return new Api.updates.ChannelDifference({ final: isLast, pts, timeout: 30, ...gather(world, owner, slice, viewer) });
}

/** Only the latest messages; what lies between has to be asked for by its ids. */
function channelTooLong(world: World, owner: BoxOwner, viewer: number): Api.updates.ChannelDifferenceTooLong {
  const box = world.box(owner);
  const latest = [...box.messages.values()].slice(-10).reverse();
  const dialog = new Api.Dialog({
    ...{ peer: new Api.PeerChannel({ channelId: big(owner.id) }), topMessage: box.lastMessageId, readInboxMaxId: 0, readOutboxMaxId: 0 },
    ...{ unreadCount: latest.length, unreadMentionsCount: 0, unreadReactionsCount: 0, notifySettings: new Api.PeerNotifySettings({}) },
    pts: box.pts,
  });
  const messages = latest.map((message) => toMessage(world, message, viewer));
  return new Api.updates.ChannelDifferenceTooLong({ final: true, timeout: 30, dialog, messages, ...namedIn(world, viewer, latest) });
}
