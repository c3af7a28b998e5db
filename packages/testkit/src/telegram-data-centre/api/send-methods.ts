/** Sending: every check the service makes, the memory of random ids, and the ledger's entry, whatever becomes of it. */
import type { BoxOwner, Entity, LedgerEntry, Media, Message, Peer } from '../world/model.ts';
import { type Draft, edit, groupOf, post, remove } from '../world/post.ts';
import { badRequest, RpcError } from '../world/rpc-error.ts';
import { acceptText, CAPTION_LIMIT, TEXT_LIMIT } from '../world/text-policy.ts';
import { type Caller, type Handlers, method } from './caller.ts';
import { readEntities } from './entities.ts';
import { readMedia } from './media.ts';
import { toEntity, toMessage } from './objects.ts';
import { hasMet, namedIn, readPeer } from './peers.ts';
import { Api, big, toBigInt } from './tl.ts';

export const sendMethods: Handlers = {
  'messages.SendMessage': method('account', sendMessage),
  'messages.SendMedia': method('account', sendMedia),
  'messages.SendMultiMedia': method('account', sendMultiMedia),
  'messages.EditMessage': method('account', editMessage),
  'messages.DeleteMessages': method('account', deleteMessages),
};

type Wish = {
  method: string;
  peer: Peer;
  randomId: bigint;
  text: string;
  entities: Entity[];
  /** Read last: parts that were uploaded must not be looked for when the message is refused or a duplicate. */
  readMedia: (() => Media) | null;
  replyTo: number | null;
  /** As the client names it; of a forum. */
  topic: number | null;
  groupedId: bigint | null;
};

/** Stores the message, or throws; either way the ledger tells. */
function send(caller: Caller, wish: Wish): Message {
  const { world } = caller;
  const { peer, readMedia: _media, topic: _topic, ...written } = wish;
  const entry: LedgerEntry = {
    ...{ at: world.now(), by: caller.account().id, ...written, chat: peer, media: null },
    ...{ outcome: 'stored', error: null, messageId: null },
  };
  try {
    admit(caller, peer);
    requireNewRandomId(caller, wish.randomId);
    const draft = draftOf(caller, wish);
    return post(world, draft, { ...entry, media: draft.media ?? null });
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    const outcome = error.message === 'RANDOM_ID_DUPLICATE' ? 'duplicate' : 'refused';
    world.commit({ kind: 'not-stored', ledger: { ...entry, outcome, error: error.message } });
    throw error;
  }
}

/** Whether this account may write there now. */
function admit({ world, limits, ...caller }: Caller, peer: Peer): void {
  const account = caller.account();
  limits.checkFlood(account.id, peer);
  if (peer.kind === 'user') {
    if (account.isBot && !hasMet(world, account.id, peer)) throw badRequest('PEER_ID_INVALID');
    if (account.isBot && peer.id !== account.id && world.accounts.get(peer.id)?.isBot) throw badRequest('USER_IS_BOT');
    if (world.isBlocked(account.id, peer.id)) throw badRequest('YOU_BLOCKED_USER');
    if (world.isBlocked(peer.id, account.id)) throw badRequest('USER_IS_BLOCKED');
    return;
  }
  const group = groupOf(world, peer.id);
  if (!group.members.includes(account.id)) {
    throw group.kind === 'group' ? new RpcError(403, 'CHAT_WRITE_FORBIDDEN') : badRequest('CHANNEL_PRIVATE');
  }
  const isOnlyReader = group.kind === 'channel' && group.creator !== account.id;
  if (isOnlyReader || group.muted.includes(account.id)) throw new RpcError(403, 'CHAT_WRITE_FORBIDDEN');
  if (group.kind !== 'group') limits.checkSlowMode(account.id, group);
}

function requireNewRandomId(caller: Caller, randomId: bigint): void {
  if (randomId === 0n) throw badRequest('RANDOM_ID_EMPTY');
  const usedAt = caller.world.randomIdUsedAt(caller.account().id, randomId);
  const isRemembered = usedAt !== undefined && caller.world.now() - usedAt < caller.settings.randomIdMemoryMs;
  if (isRemembered) throw new RpcError(500, 'RANDOM_ID_DUPLICATE');
}

function draftOf(caller: Caller, wish: Wish): Draft {
  const from = caller.account().id;
  const isCaption = wish.readMedia !== null;
  const accepted = acceptText(wish.text, wish.entities, isCaption ? CAPTION_LIMIT : TEXT_LIMIT, isCaption);
  if (accepted.kind === 'refused') throw badRequest(accepted.error);
  const place = placeOf(caller, wish);
  const { text, entities } = accepted;
  return { from, to: wish.peer, text, entities, media: wish.readMedia?.() ?? null, ...place, groupedId: wish.groupedId };
}

/** What it answers, and in which topic: who answers a topic's first message writes into that topic. */
function placeOf({ world, ...caller }: Caller, { peer, replyTo, topic }: Wish): Pick<Draft, 'replyTo' | 'topic'> {
  const { messages } = world.box(world.ownerOf(caller.account().id, peer));
  const answered = replyTo === null ? null : messages.get(replyTo);
  if (answered === undefined) throw badRequest('REPLY_MESSAGE_ID_INVALID');
  const isTopic = answered?.service?.kind === 'topic';
  const place = isTopic ? answered.id : (topic ?? answered?.topic ?? null);
  if (place !== null && messages.get(place)?.service?.kind !== 'topic') throw badRequest('TOPIC_DELETED');
  return { replyTo: isTopic ? null : replyTo, topic: place };
}

function placeWished(replyTo: Api.TypeInputReplyTo | undefined | null): Pick<Wish, 'replyTo' | 'topic'> {
  if (!(replyTo instanceof Api.InputReplyToMessage)) return { replyTo: null, topic: null };
  return { replyTo: replyTo.replyToMsgId, topic: replyTo.topMsgId ?? null };
}

function sendMessage(request: Api.messages.SendMessage, caller: Caller): Api.TypeUpdates {
  const peer = readPeer(caller, request.peer);
  const stored = send(caller, {
    ...{ method: 'messages.sendMessage', peer, randomId: toBigInt(request.randomId ?? big(0)), text: request.message },
    ...{ entities: readEntities(caller, request.entities), readMedia: null, ...placeWished(request.replyTo), groupedId: null },
  });
  if (caller.settings.sentAnswer === 'full' || peer.kind === 'channel') return answerTo(caller, [stored], [request.randomId ?? big(0)]);
  const { pts } = caller.world.box(caller.world.ownerOf(caller.account().id, peer));
  const entities = stored.entities.length === 0 ? {} : { entities: stored.entities.map(toEntity) };
  return new Api.UpdateShortSentMessage({ out: true, id: stored.id, pts, ptsCount: 1, date: stored.date, ...entities });
}

function sendMedia(request: Api.messages.SendMedia, caller: Caller): Api.TypeUpdates {
  const peer = readPeer(caller, request.peer);
  const randomId = toBigInt(request.randomId ?? big(0));
  const stored = send(caller, {
    ...{ method: 'messages.sendMedia', peer, randomId, text: request.message },
    ...{ entities: readEntities(caller, request.entities), ...placeWished(request.replyTo), groupedId: null },
    readMedia: () => readMedia(caller, request.media),
  });
  return answerTo(caller, [stored], [request.randomId ?? big(0)]);
}

function sendMultiMedia(request: Api.messages.SendMultiMedia, caller: Caller): Api.TypeUpdates {
  const peer = readPeer(caller, request.peer);
  if (request.multiMedia.length < 1) throw badRequest('MULTI_MEDIA_EMPTY');
  if (request.multiMedia.length > 10) throw badRequest('MULTI_MEDIA_TOO_LONG');
  const first = request.multiMedia[0]?.randomId ?? big(0);
  const stored = request.multiMedia.map((single) =>
    send(caller, {
      ...{ method: 'messages.sendMultiMedia', peer, randomId: toBigInt(single.randomId ?? big(0)), text: single.message },
      ...{ entities: readEntities(caller, single.entities), readMedia: () => readMedia(caller, single.media) },
      ...{ ...placeWished(request.replyTo), groupedId: toBigInt(first) },
    }),
  );
  return answerTo(
    caller,
    stored,
    request.multiMedia.map(({ randomId }) => randomId ?? big(0)),
  );
}

/** The updates that the sender's own box went through. */
function answerTo(caller: Caller, messages: readonly Message[], randomIds: readonly Api.long[]): Api.Updates {
  const { world } = caller;
  const viewer = caller.account().id;
  const updates = messages.flatMap((message, index): Api.TypeUpdate[] => {
    const pts = ptsOf(caller, message);
    const sent = toMessage(world, message, viewer);
    const news = message.peer.kind === 'channel' ? Api.UpdateNewChannelMessage : Api.UpdateNewMessage;
    return [
      new Api.UpdateMessageID({ id: message.id, randomId: randomIds[index] ?? big(0) }),
      new news({ message: sent, pts, ptsCount: 1 }),
    ];
  });
  return new Api.Updates({ updates, ...namedIn(world, viewer, messages), date: world.seconds(), seq: 0 });
}

function ptsOf({ world, ...caller }: Caller, message: Message): number {
  const box = world.box(world.ownerOf(caller.account().id, message.peer));
  return box.log.findLast(({ messageIds }) => messageIds.includes(message.id))?.pts ?? box.pts;
}

function editMessage(request: Api.messages.EditMessage, caller: Caller): Api.TypeUpdates {
  const { world } = caller;
  const viewer = caller.account().id;
  const peer = readPeer(caller, request.peer);
  const message = world.box(world.ownerOf(viewer, peer)).messages.get(request.id);
  if (message === undefined) throw badRequest('MESSAGE_ID_INVALID');
  if (message.from !== viewer) throw new RpcError(403, 'MESSAGE_AUTHOR_REQUIRED');
  const limit = message.media === null ? TEXT_LIMIT : CAPTION_LIMIT;
  const accepted = acceptText(request.message ?? '', readEntities(caller, request.entities), limit, message.media !== null);
  if (accepted.kind === 'refused') throw badRequest(accepted.error);
  const isSame = accepted.text === message.text && JSON.stringify(accepted.entities) === JSON.stringify(message.entities);
  if (isSame) throw badRequest('MESSAGE_NOT_MODIFIED');
  edit(world, message, accepted.text, accepted.entities);
  const news = peer.kind === 'channel' ? Api.UpdateEditChannelMessage : Api.UpdateEditMessage;
  const updates = [new news({ message: toMessage(world, message, viewer), pts: ptsOf(caller, message), ptsCount: 1 })];
  return new Api.Updates({ updates, ...namedIn(world, viewer, [message]), date: world.seconds(), seq: 0 });
}

function deleteMessages(request: Api.messages.DeleteMessages, caller: Caller): Api.messages.AffectedMessages {
  const { world } = caller;
  const owner: BoxOwner = { kind: 'account', id: caller.account().id };
  const found = request.id.flatMap((id) => world.box(owner).messages.get(id) ?? []);
  for (const message of found) remove(world, message);
  return new Api.messages.AffectedMessages({ pts: world.box(owner).pts, ptsCount: found.length });
}
