/**
 * The port to Telegram: what the channel knows of it, in plain values. `client/` fills it through the library;
 * everything else of this package reads these types only.
 *
 * Chats are written as the Bot API writes them: a person `7`, a basic group `-7`, a supergroup or broadcast
 * channel `-1007`; a topic of a forum is a chat of its own, `-1007/12`.
 */

/** A chat that can be written to. `hash` is this account's key to it; '0' where none is known or needed. */
export type PeerRef = { kind: 'user' | 'group' | 'channel'; id: string; hash: string };

/** What came to be known of a person or a chat. */
export type Peer = PeerRef & {
  /** As above, without a topic. */
  chat: string;
  username?: string;
  /** Name of a person, title of a chat. */
  name?: string;
  isBot: boolean;
  /** Known only as far as a message showed it: its hash opens nothing. */
  isMin: boolean;
  /** A channel in which only its owners write. */
  isBroadcast: boolean;
};

export type EntityType =
  | 'bold'
  | 'italic'
  | 'underline'
  | 'strike'
  | 'spoiler'
  | 'code'
  | 'pre'
  | 'link'
  | 'quote'
  | 'mention'
  | 'mention-name'
  | 'command';

/** A stretch of a text that is shown differently; in UTF-16 units, as Telegram counts. */
export type Entity = {
  type: EntityType;
  offset: number;
  length: number;
  /** Of a `link`. */
  url?: string;
  /** Of a `pre`. */
  language?: string;
  /** Whom a `mention-name` names. */
  user?: string;
  /** Of a long `quote`: shown folded. */
  isFolded?: boolean;
};

/** A file of a message, with all that is needed to fetch it later. */
export type RemoteFile = {
  kind: 'photo' | 'document';
  id: string;
  hash: string;
  /** Base64; it expires, and is then to be had anew with the message. */
  reference: string;
  dc: number;
  /** Which size of a photo; '' for a document. */
  size: string;
  bytes: number;
  name?: string;
};

export type ReceivedMessage = {
  id: number;
  /** With its topic. */
  chat: string;
  /** Who wrote it; null for a post that nobody signed. */
  from: string | null;
  isOut: boolean;
  /** A message about the chat (somebody joined), not of a person. */
  isService: boolean;
  text: string;
  entities: Entity[];
  file: RemoteFile | null;
  /** What else it brings, in words: a place, a contact, a poll. */
  extra: string | null;
  /** Messages with the same value are one album. */
  album: string | null;
  replyTo: { id: number; quote: string | null } | null;
  /** Who wrote it first, of a forwarded one: an account or chat, or only a name when they hide themselves. */
  forward: { from: string | null; name: string | null } | null;
  /** Telegram's own word that this account is meant. */
  isMentioned: boolean;
  /** ms since 1970. */
  at: number;
  editedAt: number | null;
};

/** One step of a mailbox. `channel`: whose mailbox, as a chat; null for the account's own. */
export type Step = { channel: string | null; pts: number; count: number };

export type Update =
  /** `isPartial`: it came without what is known of its people. */
  | { kind: 'message'; step: Step; message: ReceivedMessage; isEdit: boolean; isPartial: boolean }
  /** Something happened that only moves the mailbox on. */
  | { kind: 'other'; step: Step /** Why it could not be read, of one that might have been a message. */; fault?: string }
  /** So much happened that it must be asked for. */
  | { kind: 'behind'; channel: string | null };

/** Updates that came together, and whom they are about. */
export type Batch = { updates: Update[]; peers: Peer[] };

/** How far the account's own mailbox was read. */
export type MailboxState = { pts: number; qts: number; date: number };

/** What happened since; `state` is where it leads, and `isMore` says that there is more behind it. */
export type Difference =
  | { kind: 'difference'; messages: ReceivedMessage[]; updates: Update[]; peers: Peer[]; state: MailboxState; isMore: boolean }
  | { kind: 'too-long'; pts: number };

export type ChannelDifference =
  | { kind: 'difference'; messages: ReceivedMessage[]; updates: Update[]; peers: Peer[]; pts: number; isMore: boolean }
  | { kind: 'too-long'; pts: number };

export type Account = { id: string; username: string | null; name: string; isBot: boolean };

export type SocksProxy = { host: string; port: number; version: 4 | 5; username?: string; password?: string };

export type Credentials = { apiId: number; apiHash: string; session: string; proxy: SocksProxy | null };

export type Outgoing = {
  to: PeerRef;
  topic: number | null;
  replyTo: number | null;
  text: string;
  entities: readonly Entity[];
  /** Decimal; the same number again is the same message. */
  randomId: string;
  hasPreview: boolean;
  media: OutgoingMedia | null;
};

export type OutgoingMedia =
  /** Telegram fetches it itself. */
  { kind: 'photo-url'; url: string } | { kind: 'file'; name: string; type: string; bytes: Uint8Array; isPhoto: boolean };

/** `step` is null when nothing is known of the mailbox's way. */
export type Sent = { id: number | null; step: Step | null };

/** Telegram's own refusal of a request. Any other error leaves it open whether the request was carried out. */
export class TelegramError extends Error {
  /** As HTTP's. */
  readonly code: number;
  /** In capitals, as in its documentation: `FLOOD_WAIT_42`. */
  readonly word: string;
  /** How long to wait, of those that say so; in ms. */
  readonly waitMs: number | null;

  constructor(code: number, word: string, waitMs: number | null) {
    super(word);
    this.code = code;
    this.word = word;
    this.waitMs = waitMs;
  }
}

/** The connection ended, or gave no answer in time. */
export class ConnectionLost extends Error {}

/** This server does not know the key of the session any more. */
export class SessionForgotten extends Error {}

/** One connection, from its beginning to its end. */
export type Connection = {
  /** Settles when it is over, with why. Never rejects. */
  ended: Promise<Error>;
  me: Account;
  state(): Promise<MailboxState>;
  difference(since: MailboxState): Promise<Difference>;
  channelDifference(channel: PeerRef, pts: number): Promise<ChannelDifference>;
  send(message: Outgoing): Promise<Sent>;
  type(to: PeerRef, topic: number | null): Promise<void>;
  /** Those that exist, of the messages with these ids. */
  messages(chat: PeerRef, ids: readonly number[]): Promise<{ messages: ReceivedMessage[]; peers: Peer[] }>;
  download(file: RemoteFile): AsyncIterable<Uint8Array>;
  resolveUsername(username: string): Promise<Peer | null>;
  /** Ends the session at Telegram's side as well. */
  logOut(): Promise<void>;
  /** Never rejects. */
  close(): Promise<void>;
};
