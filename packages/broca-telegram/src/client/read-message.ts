/**
 * Messages and files, from Telegram's types to ours. Nothing is asked of the network here. What a message does not have
 * is null or undefined, whatever the library's types say.
 */
import { chatOf } from '../chat-id.ts';
import type { ReceivedMessage, RemoteFile } from '../telegram.ts';
import { Api } from './library.ts';
import { readEntities } from './read-entities.ts';

/** Those that can be read; one that cannot must not hold the others for ever. */
export function readMessages(messages: readonly Api.TypeMessage[]): ReceivedMessage[] {
  return messages.flatMap((message) => {
    try {
      return readMessage(message) ?? [];
    } catch {
      return [];
    }
  });
}

/** Null for a message that is not there any more. */
export function readMessage(message: Api.TypeMessage): ReceivedMessage | null {
  if (message instanceof Api.MessageEmpty) return null;
  const { media } = message as Api.Message;
  const topic = topicOf(message);
  const chat = readPeer(message.peerId);
  return {
    id: message.id,
    chat: topic === null ? chat : `${chat}/${topic}`,
    from: readSender(message, chat),
    isOut: message.out === true,
    isService: message instanceof Api.MessageService,
    text: message.message ?? '',
    entities: readEntities(message.entities),
    file: readFile(media),
    extra: readExtra(media),
    album: message.groupedId?.toString() ?? null,
    replyTo: readReply(message),
    forward: readForward(message as Api.Message),
    isMentioned: message.mentioned === true,
    at: message.date * 1000,
    // Telegram also "edits" a message when somebody reacts to it or votes; such edits are hidden.
    editedAt: (message.editDate ?? null) === null || message.editHide === true ? null : Number(message.editDate) * 1000,
  };
}

/** In a private chat the other one is not named. */
function readSender({ fromId, out }: Exclude<Api.TypeMessage, Api.MessageEmpty>, chat: string): string | null {
  if ((fromId ?? null) !== null) return readPeer(fromId as Api.TypePeer);
  return chat.startsWith('-') || out === true ? null : chat;
}

export function readPeer(peer: Api.TypePeer): string {
  if (peer instanceof Api.PeerUser) return chatOf('user', peer.userId.toString());
  if (peer instanceof Api.PeerChat) return chatOf('group', peer.chatId.toString());
  return chatOf('channel', peer.channelId.toString());
}

/** A private message in its short form, which names nobody by more than an id. `me`: this account. */
export function readShortMessage(update: Api.UpdateShortMessage, me: string): ReceivedMessage {
  const chat = chatOf('user', update.userId.toString());
  return { ...readShort(update), chat, from: update.out === true ? me : chat };
}

export function readShortChatMessage(update: Api.UpdateShortChatMessage): ReceivedMessage {
  return { ...readShort(update), chat: chatOf('group', update.chatId.toString()), from: chatOf('user', update.fromId.toString()) };
}

function readShort(update: Api.UpdateShortMessage | Api.UpdateShortChatMessage): Omit<ReceivedMessage, 'chat' | 'from'> {
  return {
    id: update.id,
    isOut: update.out === true,
    isService: false,
    text: update.message,
    entities: readEntities(update.entities),
    file: null,
    extra: null,
    album: null,
    replyTo: readReply(update),
    forward: readForward(update),
    isMentioned: update.mentioned === true,
    at: update.date * 1000,
    editedAt: null,
  };
}

function topicOf({ replyTo }: { replyTo?: Api.TypeMessageReplyHeader | undefined }): number | null {
  if (!(replyTo instanceof Api.MessageReplyHeader) || replyTo.forumTopic !== true) return null;
  return replyTo.replyToTopId ?? replyTo.replyToMsgId ?? null;
}

function readReply({ replyTo }: { replyTo?: Api.TypeMessageReplyHeader | undefined }): ReceivedMessage['replyTo'] {
  if (!(replyTo instanceof Api.MessageReplyHeader) || (replyTo.replyToMsgId ?? null) === null) return null;
  // In a forum every message answers its topic's first one; only with both is it a reply to somebody.
  if (replyTo.forumTopic === true && (replyTo.replyToTopId ?? null) === null) return null;
  return { id: Number(replyTo.replyToMsgId), quote: replyTo.quoteText ?? null };
}

function readForward({ fwdFrom }: { fwdFrom?: Api.TypeMessageFwdHeader | undefined }): ReceivedMessage['forward'] {
  if (!(fwdFrom instanceof Api.MessageFwdHeader)) return null;
  return { from: (fwdFrom.fromId ?? null) === null ? null : readPeer(fwdFrom.fromId as Api.TypePeer), name: fwdFrom.fromName ?? null };
}

function readFile(media: Api.TypeMessageMedia | undefined): RemoteFile | null {
  if (media instanceof Api.MessageMediaPhoto && media.photo instanceof Api.Photo) return readPhoto(media.photo);
  if (media instanceof Api.MessageMediaDocument && media.document instanceof Api.Document) return readDocument(media.document);
  return null;
}

function readPhoto(photo: Api.Photo): RemoteFile | null {
  const sizes = photo.sizes.flatMap((size) => {
    if (size instanceof Api.PhotoSize) return [{ type: size.type, bytes: size.size }];
    if (size instanceof Api.PhotoSizeProgressive) return [{ type: size.type, bytes: Math.max(...size.sizes) }];
    return [];
  });
  const largest = sizes.sort((one, other) => other.bytes - one.bytes)[0];
  if (largest === undefined) return null;
  return { ...located(photo), kind: 'photo', size: largest.type, bytes: largest.bytes };
}

function readDocument(document: Api.Document): RemoteFile {
  const name = document.attributes.find((attribute) => attribute instanceof Api.DocumentAttributeFilename)?.fileName ?? null;
  const audio = document.attributes.find((attribute) => attribute instanceof Api.DocumentAttributeAudio);
  const called = name ?? (audio?.voice === true ? 'voice message' : null);
  const file: RemoteFile = { ...located(document), kind: 'document', size: '', bytes: Number(document.size.toString()) };
  return called === null ? file : { ...file, name: called };
}

function located(file: Api.Photo | Api.Document): Pick<RemoteFile, 'id' | 'hash' | 'reference' | 'dc'> {
  return {
    id: file.id.toString(),
    hash: file.accessHash.toString(),
    reference: Buffer.from(file.fileReference).toString('base64'),
    dc: file.dcId,
  };
}

function readExtra(media: Api.TypeMessageMedia | undefined): string | null {
  if (media instanceof Api.MessageMediaGeo || media instanceof Api.MessageMediaGeoLive) {
    return media.geo instanceof Api.GeoPoint ? `(a place: ${media.geo.lat}, ${media.geo.long})` : '(a place)';
  }
  if (media instanceof Api.MessageMediaVenue) return `(a place: ${media.title}, ${media.address})`;
  if (media instanceof Api.MessageMediaContact) {
    return `(a contact: ${[media.firstName, media.lastName].filter((name) => name !== '').join(' ')}, ${media.phoneNumber})`;
  }
  if (media instanceof Api.MessageMediaPoll) {
    const answers = media.poll.answers.map((answer) => `"${answer.text.text}"`).join(', ');
    return `(a poll: "${media.poll.question.text}": ${answers})`;
  }
  if (media instanceof Api.MessageMediaDice) return `(a die shows ${media.emoticon} ${media.value})`;
  if (media instanceof Api.MessageMediaStory) return '(a story)';
  if (media instanceof Api.MessageMediaGame || media instanceof Api.MessageMediaInvoice || media instanceof Api.MessageMediaUnsupported) {
    return '(something that only the Telegram app shows)';
  }
  return null;
}
