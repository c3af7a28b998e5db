/** Opens a connection and answers for it in plain values (telegram.ts). */
import {
  type Account,
  type Batch,
  type Connection,
  type Credentials,
  type Outgoing,
  type OutgoingMedia,
  type Peer,
  type PeerRef,
  type ReceivedMessage,
  type Sent,
  type Step,
  TelegramError,
} from '../telegram.ts';
import { Client } from './client.ts';
import { FileCentres } from './files.ts';
import { Api, long } from './library.ts';
import { writeEntities } from './read-entities.ts';
import { readMessages } from './read-message.ts';
import { readBatch, readChannelDifference, readDifference, readPeers, readState, readUser } from './read-updates.ts';

/** How many updates of a channel are asked for at a time; bots may have more than people. */
const CHANNEL_LIMIT = 100;

/**
 * Connects with a session that holds a login. `onBatch` is called for what Telegram sends by itself, in order.
 * Rejects with ConnectionLost, SessionForgotten or TelegramError.
 */
export async function openConnection(credentials: Credentials, onBatch: (batch: Batch) => void): Promise<Connection> {
  const client = new Client(credentials);
  try {
    await client.connect();
    const me = await whoAmI(client);
    client.onUpdates = (updates) => onBatch(readBatch(updates, me.id));
    return new OpenConnection(client, me, new FileCentres(client, credentials));
  } catch (error) {
    await client.close();
    throw error;
  }
}

export async function whoAmI(client: Client): Promise<Account> {
  const [user] = await client.call(new Api.users.GetUsers({ id: [new Api.InputUserSelf()] }));
  const account = user === undefined ? null : accountOf(user);
  if (account === null) throw new TelegramError(401, 'AUTH_KEY_UNREGISTERED', null);
  return account;
}

export function accountOf(user: Api.TypeUser): Account | null {
  const peer = readUser(user);
  return peer === null ? null : { id: peer.id, username: peer.username ?? null, name: peer.name ?? '', isBot: peer.isBot };
}

class OpenConnection implements Connection {
  readonly ended: Promise<Error>;
  readonly me: Account;
  readonly #client: Client;
  readonly #files: FileCentres;

  constructor(client: Client, me: Account, files: FileCentres) {
    this.ended = client.ended;
    this.me = me;
    this.#client = client;
    this.#files = files;
  }

  async state() {
    return readState(await this.#client.call(new Api.updates.GetState()));
  }

  async difference(since: Parameters<Connection['difference']>[0]) {
    return readDifference(await this.#client.call(new Api.updates.GetDifference(since)), since);
  }

  async channelDifference(channel: PeerRef, pts: number) {
    const request = new Api.updates.GetChannelDifference({
      channel: inputChannel(channel),
      filter: new Api.ChannelMessagesFilterEmpty(),
      pts,
      limit: CHANNEL_LIMIT,
      force: false,
    });
    return readChannelDifference(await this.#client.call(request));
  }

  async send(message: Outgoing): Promise<Sent> {
    const { to, topic, replyTo, text, entities, randomId, hasPreview, media } = message;
    const replied = replyTo ?? topic;
    const common = {
      peer: inputPeer(to),
      message: text,
      entities: writeEntities(entities),
      randomId: long(randomId),
      ...(replied === null
        ? {}
        : { replyTo: new Api.InputReplyToMessage({ replyToMsgId: replied, ...(topic === null ? {} : { topMsgId: topic }) }) }),
    };
    const request =
      media === null
        ? new Api.messages.SendMessage({ ...common, noWebpage: !hasPreview })
        : new Api.messages.SendMedia({ ...common, media: await this.#media(media) });
    return readSent(await this.#client.call(request), randomId);
  }

  async type(to: PeerRef, topic: number | null): Promise<void> {
    const action = new Api.SendMessageTypingAction();
    await this.#client.call(new Api.messages.SetTyping({ peer: inputPeer(to), action, ...(topic === null ? {} : { topMsgId: topic }) }));
  }

  async messages(chat: PeerRef, ids: readonly number[]): Promise<{ messages: ReceivedMessage[]; peers: Peer[] }> {
    const id = ids.map((one) => new Api.InputMessageID({ id: one }));
    const request =
      chat.kind === 'channel' ? new Api.channels.GetMessages({ channel: inputChannel(chat), id }) : new Api.messages.GetMessages({ id });
    const found = await this.#client.call<Api.messages.GetMessages | Api.channels.GetMessages>(request);
    if (found instanceof Api.messages.MessagesNotModified) return { messages: [], peers: [] };
    return { messages: readMessages(found.messages), peers: readPeers(found.users, found.chats) };
  }

  download(file: Parameters<Connection['download']>[0]): AsyncIterable<Uint8Array> {
    return this.#files.download(file);
  }

  async resolveUsername(username: string): Promise<Peer | null> {
    try {
      const { users, chats } = await this.#client.call(new Api.contacts.ResolveUsername({ username }));
      return readPeers(users, chats)[0] ?? null;
    } catch (error) {
      if (error instanceof TelegramError && error.word.startsWith('USERNAME_')) return null;
      throw error;
    }
  }

  async logOut(): Promise<void> {
    await this.#client.call(new Api.auth.LogOut());
  }

  async close(): Promise<void> {
    await this.#files.close();
    await this.#client.close();
  }

  async #media(media: OutgoingMedia): Promise<Api.TypeInputMedia> {
    if (media.kind === 'photo-url') return new Api.InputMediaPhotoExternal({ url: media.url });
    const file = await this.#files.upload(media.name, media.bytes);
    if (media.isPhoto) return new Api.InputMediaUploadedPhoto({ file });
    const attributes = [new Api.DocumentAttributeFilename({ fileName: media.name })];
    return new Api.InputMediaUploadedDocument({ file, mimeType: media.type, attributes, forceFile: true });
  }
}

function inputPeer({ kind, id, hash }: PeerRef): Api.TypeInputPeer {
  if (kind === 'user') return new Api.InputPeerUser({ userId: long(id), accessHash: long(hash) });
  if (kind === 'group') return new Api.InputPeerChat({ chatId: long(id) });
  return new Api.InputPeerChannel({ channelId: long(id), accessHash: long(hash) });
}

function inputChannel({ id, hash }: PeerRef): Api.TypeInputChannel {
  return new Api.InputChannel({ channelId: long(id), accessHash: long(hash) });
}

/** Its answer says which message it became, and where the mailbox is now: as if it had been sent to us. */
function readSent(updates: Api.TypeUpdates, randomId: string): Sent {
  if (updates instanceof Api.UpdateShortSentMessage) {
    return { id: updates.id, step: { channel: null, pts: updates.pts, count: updates.ptsCount } };
  }
  if (!(updates instanceof Api.Updates) && !(updates instanceof Api.UpdatesCombined)) return { id: null, step: null };
  const named = updates.updates.find((update) => update instanceof Api.UpdateMessageID && update.randomId?.toString() === randomId);
  const { updates: read } = readBatch(updates, '');
  const step = read.flatMap((update): Step[] => (update.kind === 'behind' ? [] : [update.step]))[0] ?? null;
  return { id: named instanceof Api.UpdateMessageID ? named.id : null, step };
}
