/** What the data centre knows: accounts, chats, messages, files, keys. Ids are numbers (they have at most 52 bits), hashes and random ids bigints. */
import type { PasswordVerifier } from '../crypto/password.ts';

/** A chat as its members name it. A private chat is named by the other account. */
export type Peer = { kind: 'user'; id: number } | { kind: 'group'; id: number } | { kind: 'channel'; id: number };

export type Account = {
  id: number;
  isBot: boolean;
  firstName: string;
  lastName: string | null;
  username: string | null;
  phone: string | null;
  /** A bot's token. */
  token: string | null;
  /** The data centre that keeps the account; others send a login there. */
  dcId: number;
  password: PasswordVerifier | null;
};

/** `group` is a basic one: its messages lie in each member's own box. A supergroup or channel has a box of its own. */
export type Group = {
  id: number;
  kind: 'group' | 'supergroup' | 'channel';
  title: string;
  username: string | null;
  creator: number;
  members: number[];
  /** Members who may not write. */
  muted: number[];
  /** Seconds between two messages of a member who is no admin. */
  slowModeSeconds: number;
  /** Its messages lie in topics. */
  isForum: boolean;
};

export type Entity = {
  /** As the API names it, without `messageEntity`: Bold, Pre, TextUrl, … */
  kind: string;
  /** In UTF-16 units, as the length. */
  offset: number;
  length: number;
  url?: string;
  language?: string;
  userId?: number;
  documentId?: bigint;
  isCollapsed?: boolean;
};

export type Media =
  | { kind: 'photo' | 'document'; fileId: bigint }
  | { kind: 'geo'; lat: number; long: number }
  | { kind: 'contact'; phone: string; firstName: string };

/** Of service messages: not written by anybody. */
export type Service =
  | { kind: 'title'; title: string }
  /** Begins a topic, whose id is the message's. */
  | { kind: 'topic'; title: string }
  | { kind: 'joined'; accounts: number[] }
  | { kind: 'left'; account: number };

export type Message = {
  /** In its box. */
  id: number;
  /** The logical message: its copies in other boxes bear the same. */
  post: number;
  from: number;
  peer: Peer;
  /** Seconds since 1970, as `editedAt`. */
  date: number;
  editedAt: number | null;
  text: string;
  entities: Entity[];
  media: Media | null;
  service: Service | null;
  /** Id, in the same box, of the message answered. */
  replyTo: number | null;
  /** Of an album. */
  groupedId: bigint | null;
  /** Id of the topic's first message, in a forum. */
  topic: number | null;
  forward: Forward | null;
};

/** Who wrote first what was forwarded; only a name when they hide themselves. */
export type Forward = { from: Peer; name: null } | { from: null; name: string };

export type LoggedUpdate = { kind: 'new' | 'edit' | 'delete'; pts: number; messageIds: number[]; date: number };

/** Where messages lie: an account's private chats and basic groups, or one supergroup or channel. */
export type Box = {
  pts: number;
  lastMessageId: number;
  messages: Map<number, Message>;
  log: LoggedUpdate[] /** Updates up to here are forgotten. */;
  forgottenPts: number;
};

export type StoredFile = {
  id: bigint;
  accessHash: bigint;
  dcId: number;
  isPhoto: boolean;
  bytes: Buffer;
  mimeType: string;
  name: string | null;
  width: number;
  height: number;
  /** Seconds, of audio and video. */
  duration: number;
  shape: 'plain' | 'voice' | 'audio' | 'video' | 'sticker' | 'animation';
  /** Every reference given out ends with it; an older one is expired. */
  referenceVersion: number;
};

export type AuthKey = {
  id: bigint;
  key: Buffer;
  dcId: number;
  /** Who is logged in with it. */
  accountId: number | null;
  /** Layer of the API its client said; null before initConnection. */
  layer: number | null;
  salt: bigint;
  /** Every request is answered with this, for ever. */
  brokenBy: 'SESSION_REVOKED' | 'AUTH_KEY_UNREGISTERED' | 'AUTH_KEY_DUPLICATED' | 'USER_DEACTIVATED' | null;
  /** Of a temporary key: when it ends (s), and the permanent key it stands for once bound. */
  expiresAt: number | null;
  boundTo: bigint | null;
};

/** One attempt of a client to send something. */
export type LedgerEntry = {
  /** Wall clock of the data centre, ms. */
  at: number;
  by: number;
  /** As the API calls it: messages.sendMessage, … */
  method: string;
  chat: Peer;
  randomId: bigint;
  /** `duplicate`: the random_id was used before, nothing was stored. `refused`: see `error`. */
  outcome: 'stored' | 'duplicate' | 'refused';
  error: string | null;
  /** Id in the sender's box, or the channel's. */
  messageId: number | null;
  /** As the client wrote it; what was stored of it lies in the message. */
  text: string;
  entities: Entity[];
  media: Media | null;
  replyTo: number | null;
  groupedId: bigint | null;
};

/** What makes the state of the world: a journal of these, applied in order, is all there is to keep. */
export type Fact =
  | { kind: 'account'; account: Account }
  | { kind: 'group'; group: Group }
  | { kind: 'file'; file: StoredFile }
  | { kind: 'key'; key: AuthKey }
  | { kind: 'key-gone'; id: bigint }
  | { kind: 'posted'; messages: { owner: BoxOwner; pts: number; message: Message }[]; ledger: LedgerEntry | null }
  | { kind: 'edited'; owner: BoxOwner; pts: number; messageId: number; text: string; entities: Entity[]; date: number }
  | { kind: 'deleted'; owner: BoxOwner; pts: number; messageIds: number[]; date: number }
  | { kind: 'not-stored'; ledger: LedgerEntry }
  | { kind: 'blocked'; by: number; whom: number; isBlocked: boolean }
  | { kind: 'random-ids-forgotten'; by: number }
  | { kind: 'updates-forgotten'; owner: BoxOwner };

export type BoxOwner = { kind: 'account'; id: number } | { kind: 'channel'; id: number };
