/** Messages read again: by their ids, and (people only) the history of a chat. */
import type { BoxOwner, Message } from '../world/model.ts';
import { badRequest } from '../world/rpc-error.ts';
import type { World } from '../world/world.ts';
import { type Caller, type Handlers, method } from './caller.ts';
import { toMessage } from './objects.ts';
import { namedIn, readChannel, readPeer } from './peers.ts';
import { type Answer, Api, bool } from './tl.ts';

export const historyMethods: Handlers = {
  'messages.GetMessages': method('account', getMessages),
  'channels.GetMessages': method('account', getChannelMessages),
  'messages.GetHistory': method('user', getHistory),
  'messages.GetDialogs': method('user', getDialogs),
  'messages.ReadHistory': method('user', readHistory),
  'channels.ReadHistory': method('user', () => bool(true)),
};

function read(
  world: World,
  owner: BoxOwner,
  viewer: number,
  ids: readonly Api.TypeInputMessage[],
): { found: Message[]; messages: Api.TypeMessage[] } {
  const { messages } = world.box(owner);
  const found: Message[] = [];
  const answer = ids.map((given): Api.TypeMessage => {
    const asked = messages.get(idOf(given));
    const message = given instanceof Api.InputMessageReplyTo ? messages.get(asked?.replyTo ?? 0) : asked;
    if (message === undefined) return new Api.MessageEmpty({ id: idOf(given) });
    found.push(message);
    return toMessage(world, message, viewer);
  });
  return { found, messages: answer };
}

function idOf(given: Api.TypeInputMessage): number {
  return given instanceof Api.InputMessageID || given instanceof Api.InputMessageReplyTo ? given.id : 0;
}

function getMessages(request: Api.messages.GetMessages, caller: Caller): Api.messages.Messages {
  const viewer = caller.account().id;
  const { found, messages } = read(caller.world, { kind: 'account', id: viewer }, viewer, request.id as Api.TypeInputMessage[]);
  return new Api.messages.Messages({ messages, ...namedIn(caller.world, viewer, found) });
}

function getChannelMessages(request: Api.channels.GetMessages, caller: Caller): Api.messages.ChannelMessages {
  const viewer = caller.account().id;
  const owner: BoxOwner = { kind: 'channel', id: readChannel(caller, request.channel).id };
  const { found, messages } = read(caller.world, owner, viewer, request.id as Api.TypeInputMessage[]);
  const { pts } = caller.world.box(owner);
  return new Api.messages.ChannelMessages({ pts, count: messages.length, messages, topics: [], ...namedIn(caller.world, viewer, found) });
}

function getHistory(request: Api.messages.GetHistory, caller: Caller): Api.messages.TypeMessages {
  const viewer = caller.account().id;
  const peer = readPeer(caller, request.peer);
  if (request.limit < 0) throw badRequest('LIMIT_INVALID');
  const all = caller.world
    .history(viewer, peer)
    .filter(({ id }) => (request.offsetId === 0 || id < request.offsetId) && id > request.minId);
  const page = all.reverse().slice(0, Math.min(request.limit || 100, 100));
  const messages = page.map((message) => toMessage(caller.world, message, viewer));
  const named = namedIn(caller.world, viewer, page);
  return page.length === all.length
    ? new Api.messages.Messages({ messages, ...named })
    : new Api.messages.MessagesSlice({ count: all.length, messages, ...named });
}

function getDialogs(_request: Api.messages.GetDialogs, caller: Caller): Api.messages.Dialogs {
  const viewer = caller.account().id;
  const box = caller.world.box({ kind: 'account', id: viewer });
  const latest = new Map<string, Message>();
  for (const message of box.messages.values()) latest.set(`${message.peer.kind} ${message.peer.id}`, message);
  const messages = [...latest.values()].reverse();
  const dialogs = messages.map(
    (message) =>
      new Api.Dialog({
        ...{ peer: (toMessage(caller.world, message, viewer) as Api.Message).peerId, topMessage: message.id, readInboxMaxId: 0 },
        ...{ readOutboxMaxId: 0, unreadCount: 0, unreadMentionsCount: 0, unreadReactionsCount: 0 },
        notifySettings: new Api.PeerNotifySettings({}),
      }),
  );
  const written = messages.map((message) => toMessage(caller.world, message, viewer));
  return new Api.messages.Dialogs({ dialogs, messages: written, ...namedIn(caller.world, viewer, messages) });
}

function readHistory(request: Api.messages.ReadHistory, caller: Caller): Answer {
  readPeer(caller, request.peer);
  const { pts } = caller.world.box({ kind: 'account', id: caller.account().id });
  return new Api.messages.AffectedMessages({ pts, ptsCount: 0 });
}
