/** Updates, from Telegram's types to ours: which mailbox they move on, and the messages in them. */
import { chatOf } from '../chat-id.ts';
import type { Batch, ChannelDifference, Difference, MailboxState, Peer, Step, Update } from '../telegram.ts';
import { Api } from './library.ts';
import { readMessage, readMessages, readPeer, readShortChatMessage, readShortMessage } from './read-message.ts';

export function readBatch(updates: Api.TypeUpdates, me: string): Batch {
  if (updates instanceof Api.Updates || updates instanceof Api.UpdatesCombined) {
    return { updates: updates.updates.flatMap(readOne), peers: readPeers(updates.users, updates.chats) };
  }
  if (updates instanceof Api.UpdateShort) return { updates: readOne(updates.update), peers: [] };
  if (updates instanceof Api.UpdatesTooLong) return { updates: [{ kind: 'behind', channel: null }], peers: [] };
  const step: Step = { channel: null, pts: updates.pts, count: updates.ptsCount };
  if (updates instanceof Api.UpdateShortMessage) {
    return { updates: [{ kind: 'message', step, message: readShortMessage(updates, me), isEdit: false, isPartial: true }], peers: [] };
  }
  if (updates instanceof Api.UpdateShortChatMessage) {
    return { updates: [{ kind: 'message', step, message: readShortChatMessage(updates), isEdit: false, isPartial: true }], peers: [] };
  }
  return { updates: [{ kind: 'other', step }], peers: [] };
}

/** An update that cannot be read must not hold those behind it for ever: only its step is taken. */
function readOne(update: Api.TypeUpdate): Update[] {
  try {
    return readUpdate(update);
  } catch (error) {
    const step = stepOf(update);
    return step === null ? [] : [{ kind: 'other', step, fault: error instanceof Error ? error.message : String(error) }];
  }
}

function readUpdate(update: Api.TypeUpdate): Update[] {
  if (update instanceof Api.UpdateNewMessage || update instanceof Api.UpdateNewChannelMessage) return readCarried(update, false);
  if (update instanceof Api.UpdateEditMessage || update instanceof Api.UpdateEditChannelMessage) return readCarried(update, true);
  if (update instanceof Api.UpdateChannelTooLong) return [{ kind: 'behind', channel: chatOf('channel', update.channelId.toString()) }];
  const step = stepOf(update);
  return step === null ? [] : [{ kind: 'other', step }];
}

type Carrier = Api.UpdateNewMessage | Api.UpdateNewChannelMessage | Api.UpdateEditMessage | Api.UpdateEditChannelMessage;

function readCarried(update: Carrier, isEdit: boolean): Update[] {
  const isOfChannel = update instanceof Api.UpdateNewChannelMessage || update instanceof Api.UpdateEditChannelMessage;
  const peer = update.message.peerId;
  // A message that is gone again may not even say of which channel: nothing can be counted then.
  if (isOfChannel && (peer ?? null) === null) return [];
  const step: Step = { channel: isOfChannel && peer instanceof Object ? readPeer(peer) : null, pts: update.pts, count: update.ptsCount };
  const message = readMessage(update.message);
  return [message === null ? { kind: 'other', step } : { kind: 'message', step, message, isEdit, isPartial: false }];
}

/** Deletions, pins, read marks: every update that has both numbers moves its mailbox. */
function stepOf(update: Api.TypeUpdate): Step | null {
  if (!('pts' in update) || !('ptsCount' in update) || typeof update.pts !== 'number' || typeof update.ptsCount !== 'number') return null;
  const channel = 'channelId' in update ? chatOf('channel', update.channelId.toString()) : null;
  return { channel, pts: update.pts, count: update.ptsCount };
}

export function readPeers(users: readonly Api.TypeUser[], chats: readonly Api.TypeChat[]): Peer[] {
  return [...users.flatMap((user) => readUser(user) ?? []), ...chats.flatMap((chat) => readChat(chat) ?? [])];
}

export function readUser(user: Api.TypeUser): Peer | null {
  if (!(user instanceof Api.User)) return null;
  const id = user.id.toString();
  const username = user.username ?? user.usernames?.find((one) => one.active === true)?.username ?? null;
  const name = [user.firstName, user.lastName].filter((part) => (part ?? '') !== '').join(' ');
  return {
    kind: 'user',
    id,
    chat: chatOf('user', id),
    hash: user.accessHash?.toString() ?? '0',
    isBot: user.bot === true,
    isMin: user.min === true || (user.accessHash ?? null) === null,
    isBroadcast: false,
    ...(username === null ? {} : { username }),
    ...(name === '' ? {} : { name }),
  };
}

function readChat(chat: Api.TypeChat): Peer | null {
  const id = chat.id.toString();
  if (chat instanceof Api.Chat) {
    return { kind: 'group', id, chat: chatOf('group', id), hash: '0', isBot: false, isMin: false, isBroadcast: false, name: chat.title };
  }
  if (!(chat instanceof Api.Channel)) return null;
  return {
    kind: 'channel',
    id,
    chat: chatOf('channel', id),
    hash: chat.accessHash?.toString() ?? '0',
    isBot: false,
    isMin: chat.min === true || (chat.accessHash ?? null) === null,
    isBroadcast: chat.broadcast === true,
    name: chat.title,
    ...((chat.username ?? null) === null ? {} : { username: String(chat.username) }),
  };
}

export function readDifference(difference: Api.updates.TypeDifference, since: MailboxState): Difference {
  if (difference instanceof Api.updates.DifferenceTooLong) return { kind: 'too-long', pts: difference.pts };
  if (difference instanceof Api.updates.DifferenceEmpty) {
    return { kind: 'difference', messages: [], updates: [], peers: [], state: { ...since, date: difference.date }, isMore: false };
  }
  const isMore = difference instanceof Api.updates.DifferenceSlice;
  return {
    kind: 'difference',
    ...readNews(difference),
    state: readState(isMore ? difference.intermediateState : difference.state),
    isMore,
  };
}

export function readChannelDifference(difference: Api.updates.TypeChannelDifference): ChannelDifference {
  if (difference instanceof Api.updates.ChannelDifferenceTooLong) {
    return { kind: 'too-long', pts: difference.dialog instanceof Api.Dialog ? (difference.dialog.pts ?? 0) : 0 };
  }
  const isMore = difference.final !== true;
  if (difference instanceof Api.updates.ChannelDifferenceEmpty) {
    return { kind: 'difference', messages: [], updates: [], peers: [], pts: difference.pts, isMore };
  }
  return { kind: 'difference', ...readNews(difference), pts: difference.pts, isMore };
}

type News = Api.updates.Difference | Api.updates.DifferenceSlice | Api.updates.ChannelDifference;

function readNews(news: News): Pick<Extract<Difference, { kind: 'difference' }>, 'messages' | 'updates' | 'peers'> {
  return {
    messages: readMessages(news.newMessages),
    updates: news.otherUpdates.flatMap(readOne),
    peers: readPeers(news.users, news.chats),
  };
}

export function readState(state: Api.updates.TypeState): MailboxState {
  return { pts: state.pts, qts: state.qts, date: state.date };
}
