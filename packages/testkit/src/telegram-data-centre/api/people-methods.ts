/** Accounts, names, chats, and the configuration every client asks for first. */
import type { Group } from '../world/model.ts';
import { badRequest, RpcError } from '../world/rpc-error.ts';
import { type Caller, type Handlers, method } from './caller.ts';
import { toChat, toPeer, toUser } from './objects.ts';
import { hasMet, readChannel, readPeer, readUser } from './peers.ts';
import { type Answer, Api, big, bool, vector } from './tl.ts';

export const peopleMethods: Handlers = {
  'help.GetConfig': method('anyone', getConfig),
  'help.GetNearestDc': method('anyone', (_request, { dcId }) => new Api.NearestDc({ country: 'NL', thisDc: dcId, nearestDc: dcId })),
  'users.GetUsers': method('account', getUsers),
  'users.GetFullUser': method('account', getFullUser),
  'contacts.ResolveUsername': method('account', resolveUsername),
  'messages.GetChats': method('account', getChats),
  'channels.GetChannels': method('account', getChannels),
  'channels.GetParticipant': method('account', getParticipant),
  'messages.SetTyping': method('account', setTyping),
  'account.UpdateStatus': method('user', () => bool(true)),
  'bots.SetBotCommands': method('account', (_request, caller) => bool(requireBot(caller))),
};

function requireBot(caller: Caller): true {
  if (!caller.account().isBot) throw badRequest('USER_BOT_REQUIRED');
  return true;
}

/** Numbers as the real service gives them, where clients look at them. */
function getConfig(_request: Api.help.GetConfig, { settings, dcId }: Caller): Api.Config {
  const now = Math.floor(Date.now() / 1000);
  return new Api.Config({
    ...{ date: now, expires: now + 3600, testMode: false, thisDc: dcId, dcTxtDomainName: 'example.invalid' },
    dcOptions: settings.addresses.map(({ id, host, port }) => new Api.DcOption({ id, ipAddress: host, port, static: true })),
    ...{ chatSizeMax: 200, megagroupSizeMax: 200_000, forwardedCountMax: 100, onlineUpdatePeriodMs: 210_000 },
    ...{ offlineBlurTimeoutMs: 5000, offlineIdleTimeoutMs: 30_000, onlineCloudTimeoutMs: 300_000, notifyCloudDelayMs: 30_000 },
    ...{ notifyDefaultDelayMs: 1500, pushChatPeriodMs: 60_000, pushChatLimit: 2, editTimeLimit: 172_800 },
    ...{ revokeTimeLimit: 2_147_483_647, revokePmTimeLimit: 2_147_483_647, ratingEDecay: 2_419_200, stickersRecentLimit: 200 },
    ...{ channelsReadMediaPeriod: 604_800, callReceiveTimeoutMs: 20_000, callRingTimeoutMs: 90_000, callConnectTimeoutMs: 30_000 },
    ...{ callPacketTimeoutMs: 10_000, meUrlPrefix: 'https://t.me/', captionLengthMax: 1024, messageLengthMax: 4096, webfileDcId: dcId },
  });
}

function getUsers(request: Api.users.GetUsers, caller: Caller): Answer {
  const viewer = caller.account();
  return vector(
    request.id.map((given) => {
      const id = given instanceof Api.InputUser ? Number(given.userId) : null;
      // A bot that asks for somebody it never met hears of nobody, not of an error.
      if (id !== null && viewer.isBot && !hasMet(caller.world, viewer.id, { kind: 'user', id })) return new Api.UserEmpty({ id: big(id) });
      return toUser(caller.world, readUser(caller, given), viewer.id);
    }),
  );
}

function getFullUser(request: Api.users.GetFullUser, caller: Caller): Api.users.UserFull {
  const account = readUser(caller, request.id);
  const fullUser = new Api.UserFull({
    ...{ id: big(account.id), settings: new Api.PeerSettings({}), notifySettings: new Api.PeerNotifySettings({}), commonChatsCount: 0 },
    blocked: caller.world.isBlocked(caller.account().id, account.id),
  });
  return new Api.users.UserFull({ fullUser, chats: [], users: [toUser(caller.world, account, caller.account().id)] });
}

function resolveUsername(request: Api.contacts.ResolveUsername, caller: Caller): Api.contacts.ResolvedPeer {
  const { world } = caller;
  const viewer = caller.account().id;
  const wanted = request.username.toLowerCase();
  if (!/^\w{3,32}$/.test(wanted)) throw badRequest('USERNAME_INVALID');
  const account = world.accountBy(({ username }) => username?.toLowerCase() === wanted);
  const group = [...world.groups.values()].find(({ username }) => username?.toLowerCase() === wanted);
  if (account !== undefined) {
    const users = [toUser(world, account, viewer)];
    return new Api.contacts.ResolvedPeer({ peer: toPeer({ kind: 'user', id: account.id }), chats: [], users });
  }
  if (group === undefined) throw badRequest('USERNAME_NOT_OCCUPIED');
  return new Api.contacts.ResolvedPeer({
    peer: toPeer({ kind: 'channel', id: group.id }),
    chats: [toChat(world, group, viewer)],
    users: [],
  });
}

function getChats(request: Api.messages.GetChats, caller: Caller): Api.messages.Chats {
  const viewer = caller.account().id;
  const groups = request.id.map((id): Group => {
    const group = caller.world.groups.get(Number(id));
    if (group?.kind !== 'group' || !group.members.includes(viewer)) throw badRequest('CHAT_ID_INVALID');
    return group;
  });
  return new Api.messages.Chats({ chats: groups.map((group) => toChat(caller.world, group, viewer)) });
}

function getChannels(request: Api.channels.GetChannels, caller: Caller): Api.messages.Chats {
  const viewer = caller.account().id;
  return new Api.messages.Chats({ chats: request.id.map((given) => toChat(caller.world, readChannel(caller, given), viewer)) });
}

function getParticipant(request: Api.channels.GetParticipant, caller: Caller): Api.channels.ChannelParticipant {
  const group = readChannel(caller, request.channel);
  const peer = readPeer(caller, request.participant);
  const account = caller.world.accounts.get(peer.id);
  if (peer.kind !== 'user' || account === undefined) throw badRequest('PARTICIPANT_ID_INVALID');
  if (!group.members.includes(peer.id)) throw badRequest('USER_NOT_PARTICIPANT');
  const participant = new Api.ChannelParticipant({ userId: big(peer.id), date: 0 });
  return new Api.channels.ChannelParticipant({ participant, chats: [], users: [toUser(caller.world, account, caller.account().id)] });
}

function setTyping(request: Api.messages.SetTyping, caller: Caller): Answer {
  const peer = readPeer(caller, request.peer);
  const account = caller.account();
  if (peer.kind === 'user' && caller.world.isBlocked(peer.id, account.id)) throw badRequest('USER_IS_BLOCKED');
  if (peer.kind === 'user' && account.isBot && !hasMet(caller.world, account.id, peer)) throw badRequest('PEER_ID_INVALID');
  const group = peer.kind === 'user' ? undefined : caller.world.groups.get(peer.id);
  if (group !== undefined && (!group.members.includes(account.id) || group.muted.includes(account.id))) {
    throw new RpcError(403, 'CHAT_WRITE_FORBIDDEN');
  }
  caller.typed(peer, request.action.className);
  return bool(true);
}
