/** From what the data centre knows to the API's objects, as one account may see them. */
import type { Account, Entity, Forward, Group, Media, Message, Peer, Service, StoredFile } from '../world/model.ts';
import { isMentioned } from '../world/post.ts';
import type { World } from '../world/world.ts';
import { Api, big } from './tl.ts';

export function toUser(world: World, account: Account, viewer: number): Api.User {
  const isSelf = account.id === viewer;
  const hash = world.accessHash(viewer, { kind: 'user', id: account.id });
  return new Api.User({
    ...{ self: isSelf, bot: account.isBot, id: big(account.id), accessHash: big(hash), firstName: account.firstName },
    ...(account.lastName === null ? {} : { lastName: account.lastName }),
    ...(account.username === null ? {} : { username: account.username }),
    ...(account.phone === null || !isSelf ? {} : { phone: account.phone }),
    ...(account.isBot ? { botInfoVersion: 1, botChatHistory: false, botNochats: false } : { status: new Api.UserStatusEmpty() }),
  });
}

export function toChat(world: World, group: Group, viewer: number): Api.TypeChat {
  const isMember = group.members.includes(viewer);
  if (group.kind === 'group') {
    return new Api.Chat({
      ...{ creator: group.creator === viewer, left: !isMember, id: big(group.id), title: group.title, date: 0, version: 1 },
      ...{ photo: new Api.ChatPhotoEmpty(), participantsCount: group.members.length },
    });
  }
  // A public one may be looked at by everybody.
  if (!isMember && group.username === null)
    return new Api.ChannelForbidden({ ...channelFields(world, group, viewer), megagroup: group.kind === 'supergroup' });
  return new Api.Channel({
    ...{ creator: group.creator === viewer, left: !isMember, broadcast: group.kind === 'channel', megagroup: group.kind === 'supergroup' },
    ...{ slowmodeEnabled: group.slowModeSeconds > 0, forum: group.isForum, ...channelFields(world, group, viewer) },
    ...(group.username === null ? {} : { username: group.username }),
    ...{ photo: new Api.ChatPhotoEmpty(), date: 0, participantsCount: group.members.length },
    ...(group.muted.includes(viewer) ? { bannedRights: new Api.ChatBannedRights({ sendMessages: true, untilDate: 0 }) } : {}),
  });
}

function channelFields(world: World, group: Group, viewer: number): { id: Api.long; accessHash: Api.long; title: string } {
  return { id: big(group.id), accessHash: big(world.accessHash(viewer, { kind: 'channel', id: group.id })), title: group.title };
}

export function toPeer(peer: Peer): Api.TypePeer {
  switch (peer.kind) {
    case 'user':
      return new Api.PeerUser({ userId: big(peer.id) });
    case 'group':
      return new Api.PeerChat({ chatId: big(peer.id) });
    case 'channel':
      return new Api.PeerChannel({ channelId: big(peer.id) });
  }
}

export function toMessage(world: World, message: Message, viewer: number): Api.Message | Api.MessageService {
  const isOut = message.from === viewer;
  const common = {
    ...{ out: isOut, mentioned: isMentioned(world, message, viewer), id: message.id, peerId: toPeer(message.peer), date: message.date },
    ...(message.peer.kind === 'user' && !isOut ? {} : { fromId: toPeer({ kind: 'user', id: message.from }) }),
    ...replyHeader(message),
  };
  if (message.service !== null) return new Api.MessageService({ ...common, action: toAction(message.service) });
  return new Api.Message({
    ...common,
    message: message.text,
    ...(message.entities.length === 0 ? {} : { entities: message.entities.map(toEntity) }),
    ...(message.media === null ? {} : { media: toMedia(world, message.media) }),
    ...(message.forward === null ? {} : { fwdFrom: toForward(message.forward, message.date) }),
    ...(message.editedAt === null ? {} : { editDate: message.editedAt }),
    ...(message.groupedId === null ? {} : { groupedId: big(message.groupedId) }),
  });
}

/** In a forum every message names its topic, as if it answered the topic's first one. */
function replyHeader({ replyTo, topic }: Message): { replyTo?: Api.MessageReplyHeader } {
  const answered = replyTo ?? topic;
  if (answered === null) return {};
  const inTopic = topic === null ? {} : { forumTopic: true, ...(replyTo === null ? {} : { replyToTopId: topic }) };
  return { replyTo: new Api.MessageReplyHeader({ replyToMsgId: answered, ...inTopic }) };
}

export function toForward({ from, name }: Forward, date: number): Api.MessageFwdHeader {
  return new Api.MessageFwdHeader({ date, ...(from === null ? { fromName: name } : { fromId: toPeer(from) }) });
}

function toAction(service: Service): Api.TypeMessageAction {
  switch (service.kind) {
    case 'title':
      return new Api.MessageActionChatEditTitle({ title: service.title });
    case 'topic':
      return new Api.MessageActionTopicCreate({ title: service.title, iconColor: 0x6fb9f0 });
    case 'joined':
      return new Api.MessageActionChatAddUser({ users: service.accounts.map(big) });
    case 'left':
      return new Api.MessageActionChatDeleteUser({ userId: big(service.account) });
  }
}

export function toEntity(entity: Entity): Api.TypeMessageEntity {
  const place = { offset: entity.offset, length: entity.length };
  switch (entity.kind) {
    case 'Pre':
      return new Api.MessageEntityPre({ ...place, language: entity.language ?? '' });
    case 'TextUrl':
      return new Api.MessageEntityTextUrl({ ...place, url: entity.url ?? '' });
    case 'MentionName':
      return new Api.MessageEntityMentionName({ ...place, userId: big(entity.userId ?? 0) });
    case 'CustomEmoji':
      return new Api.MessageEntityCustomEmoji({ ...place, documentId: big(entity.documentId ?? 0n) });
    case 'Blockquote':
      return new Api.MessageEntityBlockquote({ ...place, collapsed: entity.isCollapsed ?? false });
    default:
      return plainEntity(entity.kind, place);
  }
}

const PLAIN_ENTITIES: Record<string, new (args: { offset: number; length: number }) => Api.TypeMessageEntity> = {
  ...{ Mention: Api.MessageEntityMention, Hashtag: Api.MessageEntityHashtag, BotCommand: Api.MessageEntityBotCommand },
  ...{ Url: Api.MessageEntityUrl, Email: Api.MessageEntityEmail, Bold: Api.MessageEntityBold, Italic: Api.MessageEntityItalic },
  ...{ Code: Api.MessageEntityCode, Phone: Api.MessageEntityPhone, Cashtag: Api.MessageEntityCashtag },
  ...{ Underline: Api.MessageEntityUnderline, Strike: Api.MessageEntityStrike, Spoiler: Api.MessageEntitySpoiler },
};

function plainEntity(kind: string, place: { offset: number; length: number }): Api.TypeMessageEntity {
  const Kind = PLAIN_ENTITIES[kind];
  return Kind === undefined ? new Api.MessageEntityUnknown(place) : new Kind(place);
}

export function toMedia(world: World, media: Media): Api.TypeMessageMedia {
  switch (media.kind) {
    case 'geo':
      return new Api.MessageMediaGeo({ geo: new Api.GeoPoint({ lat: media.lat, long: media.long, accessHash: big(0) }) });
    case 'contact':
      return new Api.MessageMediaContact({ phoneNumber: media.phone, firstName: media.firstName, lastName: '', vcard: '', userId: big(0) });
    case 'photo':
      return new Api.MessageMediaPhoto({ photo: toPhoto(world, fileOf(world, media.fileId)) });
    case 'document': {
      const file = fileOf(world, media.fileId);
      return new Api.MessageMediaDocument({
        document: toDocument(world, file),
        voice: file.shape === 'voice',
        video: file.shape === 'video',
      });
    }
  }
}

function fileOf(world: World, id: bigint): StoredFile {
  const file = world.files.get(id);
  if (file === undefined) throw new Error(`there is no file ${id}`);
  return file;
}

export function fileReference(file: StoredFile): Buffer {
  return Buffer.from(`${file.id} reference ${file.referenceVersion}`);
}

/** Type of the size that holds a photo's whole bytes, and of its preview. */
export const WHOLE_PHOTO = 'y';
export const PHOTO_PREVIEW = 'm';

export function photoBytes(file: StoredFile, size: string): Buffer | null {
  if (size === WHOLE_PHOTO) return file.bytes;
  return size === PHOTO_PREVIEW ? file.bytes.subarray(0, Math.ceil(file.bytes.length / 4)) : null;
}

function toPhoto(world: World, file: StoredFile): Api.Photo {
  const [w, h] = [file.width, file.height];
  const preview = photoBytes(file, PHOTO_PREVIEW)?.length ?? 0;
  return new Api.Photo({
    ...{ id: big(file.id), accessHash: big(file.accessHash), fileReference: fileReference(file), date: world.seconds(), dcId: file.dcId },
    sizes: [
      new Api.PhotoSize({ type: PHOTO_PREVIEW, w: Math.ceil(w / 4), h: Math.ceil(h / 4), size: preview }),
      new Api.PhotoSize({ type: WHOLE_PHOTO, w, h, size: file.bytes.length }),
    ],
  });
}

function toDocument(world: World, file: StoredFile): Api.Document {
  return new Api.Document({
    ...{ id: big(file.id), accessHash: big(file.accessHash), fileReference: fileReference(file), date: world.seconds() },
    ...{ mimeType: file.mimeType, size: big(file.bytes.length), dcId: file.dcId, attributes: attributesOf(file) },
  });
}

function attributesOf(file: StoredFile): Api.TypeDocumentAttribute[] {
  const { width: w, height: h, duration } = file;
  const named = file.name === null ? [] : [new Api.DocumentAttributeFilename({ fileName: file.name })];
  switch (file.shape) {
    case 'plain':
      return named;
    case 'voice':
      return [new Api.DocumentAttributeAudio({ voice: true, duration }), ...named];
    case 'audio':
      return [new Api.DocumentAttributeAudio({ duration }), ...named];
    case 'video':
      return [new Api.DocumentAttributeVideo({ supportsStreaming: true, duration, w, h }), ...named];
    case 'animation':
      return [new Api.DocumentAttributeVideo({ duration, w, h, nosound: true }), new Api.DocumentAttributeAnimated(), ...named];
    case 'sticker':
      return [
        new Api.DocumentAttributeImageSize({ w, h }),
        new Api.DocumentAttributeSticker({ alt: '🙂', stickerset: new Api.InputStickerSetEmpty() }),
        ...named,
      ];
  }
}
