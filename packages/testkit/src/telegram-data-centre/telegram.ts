/** What a test holds in its hands. How to begin is written at ./index.ts. */
import type { Fault, FaultHandle, RecordedRequest } from './faults.ts';
import type { ReleaseOrder } from './pushes.ts';
import type { Account, Entity, Group, LedgerEntry, Message } from './world/model.ts';

export type TelegramSettings = {
  /** Of the proxy; 0, the default, takes a free one. */
  port?: number;
  /** Keeps everything that must not be forgotten here, so that a process that is killed can be started again. */
  folder?: string;
  /** The data centres, 2 and 4 by default. Accounts live at `homeDcId`, by default 4, which clients ask first. */
  dcIds?: readonly number[];
  homeDcId?: number;
  /** Wall clock, ms, of limits and memories; `advance` adds to it. */
  now?: () => number;
  /** How long a random_id is remembered, ms; 24 hours by default. */
  randomIdMemoryMs?: number;
  /** Updates in one answer of getDifference and getChannelDifference, 100 by default. */
  differenceLimit?: number;
  /** Missed updates beyond which a channel's difference is too long; 100 by default. */
  channelDifferenceLimit?: number;
  /** What answers a short text sent to a private chat or basic group; `short` (updateShortSentMessage) by default. */
  sentAnswer?: 'short' | 'full';
  /** How a short text is pushed; `full` by default. */
  pushStyle?: 'short' | 'full';
  /** Clients must give these to the proxy. */
  proxyLogin?: { username: string; password: string };
};

/** As the library's `proxy` option takes it. */
export type TelegramProxy = { ip: string; port: number; socksType: 5; username?: string; password?: string };

export type AccountSettings = { id?: number; firstName?: string; lastName?: string; username?: string; dcId?: number };
export type UserSettings = AccountSettings & { phone?: string; password?: string };
export type BotSettings = AccountSettings & { token?: string };
export type GroupSettings = {
  title: string;
  /** The first creates it. */
  members: readonly Account[];
  /** `supergroup` by default. */
  kind?: Group['kind'];
  username?: string;
  slowModeSeconds?: number;
  /** A supergroup whose messages lie in topics. */
  isForum?: boolean;
};

export type PushOptions = {
  entities?: readonly Entity[];
  /** As one of its copies. */
  replyTo?: Message;
  /** What `createTopic` gave. */
  topic?: Message;
  /** Who wrote it first; somebody who hides their account is only a name. */
  forwardedFrom?: Account | Group | string;
};
export type FileSettings = {
  bytes: Buffer;
  /** `photo`, or a document's kind; `plain` by default. */
  kind?: 'photo' | 'plain' | 'voice' | 'audio' | 'video' | 'sticker' | 'animation';
  mimeType?: string;
  name?: string;
  /** Where its bytes lie; the home by default. */
  dcId?: number;
  width?: number;
  height?: number;
  duration?: number;
};
/** Which attempts to send: the n-th (1-based, default 1) that fits. `outcome` is `stored` by default. */
export type SentChoice = { by?: Account; to?: Account | Group; outcome?: LedgerEntry['outcome']; text?: string | RegExp; number?: number };
export type RequestChoice = { method?: string; account?: Account; number?: number };
export type ConnectionInfo = { account: Account | null; dcId: number; transport: string; from: string };

export type TelegramDataCentre = AsyncDisposable & {
  readonly proxy: TelegramProxy;
  /** Another way in, with another exit: a session used from two places at once is dead (AUTH_KEY_DUPLICATED). */
  openProxy(from: string): Promise<TelegramProxy>;
  /** The app that clients must say they are. */
  readonly app: { id: number; hash: string };
  /** Makes clients of this process accept the data centres' RSA key, which an exchange of keys needs; minted sessions need none. */
  trustInThisProcess(): void;
  /** As a client of another process would have to be told. */
  readonly serverKey: { fingerprint: string; modulus: string; exponent: number };

  createUser(settings?: UserSettings): Account;
  createBot(settings?: BotSettings): Account;
  createGroup(settings: GroupSettings): Group;
  /** A topic of a forum: its first message. */
  createTopic(by: Account, forum: Group, title: string): Message;
  /** Changes what is given of an account or group. */
  change<Thing extends Account | Group>(thing: Thing, changes: Partial<Thing>): Thing;
  /** The user starts the bot: a /start lies in their chat, delivered long ago. */
  meet(user: Account, bot: Account): void;
  block(by: Account, whom: Account): void;
  unblock(by: Account, whom: Account): void;

  /** A session the library can start with: logged in, or (null) with a key only, so that a login needs no exchange of keys. */
  mintSession(account: Account | null, dcId?: number): string;
  /** The code sent to a phone last. */
  codeFor(phone: string): string | undefined;
  /** All sessions of the account, from now on: 401 SESSION_REVOKED. */
  revokeSessions(account: Account): void;
  /** All sessions of the account, from now on: 401 with this. */
  unregisterSessions(account: Account, reason?: 'AUTH_KEY_UNREGISTERED' | 'USER_DEACTIVATED'): void;
  /** The keys are gone: transport error -404. */
  forgetKeys(account: Account): void;
  /** The time of its temporary keys is over: transport error -404. */
  expireTemporaryKeys(account: Account): void;
  /** Somebody uses the account's sessions elsewhere at the same time: 406 AUTH_KEY_DUPLICATED for ever. */
  useElsewhere(account: Account): void;
  /** The old salt is refused from now on. */
  changeSalt(account: Account): void;

  /** Somebody without a client writes. Results are the writer's copy, or the channel's message. */
  pushText(from: Account, to: Account | Group, text: string, options?: PushOptions): Message;
  pushFile(from: Account, to: Account | Group, file: FileSettings, caption?: string, options?: PushOptions): Message;
  pushAlbum(from: Account, to: Account | Group, files: readonly FileSettings[], caption?: string): Message[];
  /** A message that is a place or a contact. */
  pushPlace(from: Account, to: Account | Group, lat: number, long: number): Message;
  pushContact(from: Account, to: Account | Group, phone: string, firstName: string): Message;
  /** A service message: the title changed. */
  pushTitle(by: Account, group: Group, title: string): Message;
  pushEdit(message: Message, text: string, entities?: readonly Entity[]): void;
  pushDelete(message: Message): void;
  pushTyping(from: Account, to: Account): void;
  /** Nothing reaches this account by push from now on; getDifference knows it all the same. */
  holdPushes(account: Account): void;
  /** Pushes what was held: in order, reversed, every one twice, or (`dropped`) never. */
  releasePushes(account: Account, order?: ReleaseOrder): void;
  /** The last news of the account's own box once more. */
  repeatPushes(account: Account, count?: number): void;
  /** Tells clients to ask for the difference. */
  pushTooLong(account: Account): void;
  /** getDifference knows nothing from before now: differenceTooLong. */
  forgetUpdates(of: Account | Group): void;
  /** References given out so far do no longer lead to files. */
  expireFileReferences(): void;

  fault(fault: Fault): FaultHandle;
  clearFaults(): void;
  /** FLOOD_WAIT_n for what the account sends, for so many seconds, to one chat or everywhere. */
  floodWait(account: Account, seconds: number, chat?: Account | Group): void;
  forgetRandomIds(account: Account): void;
  /** Cuts the account's connections: politely, or with a reset. */
  disconnect(account: Account, how?: 'close' | 'reset'): void;
  /** Closes all connections and the proxy; what was stored stays. */
  goOffline(): Promise<void>;
  /** Listens again, on the same port. */
  goOnline(): Promise<void>;
  now(): number;
  /** Moves the wall clock of limits and memories. */
  advance(ms: number): void;

  /** All attempts to send, in order: stored, duplicate, refused. */
  readonly ledger: readonly LedgerEntry[];
  /** What was stored, in order, of this sender to this chat. */
  sentTo(to: Account | Group, by?: Account): LedgerEntry[];
  /** The chat's messages as this account sees them. */
  history(account: Account, chat: Account | Group): Message[];
  /** The bytes of a message's file. */
  fileOf(message: Message | LedgerEntry): { bytes: Buffer; name: string | null; mimeType: string; isPhoto: boolean } | null;
  /** Every request of the API since the start, newest last. */
  readonly requests: readonly RecordedRequest[];
  /** Who showed in which chat that they are typing, newest last. */
  readonly typing: readonly { by: number; chat: Account | Group | null; action: string; at: number }[];
  readonly connections: readonly ConnectionInfo[];
  /** Messages to the account's clients that they did not acknowledge. */
  unacknowledged(account: Account): number;

  /** Waits, 30 s at most; what happened before counts. */
  sent(which?: SentChoice): Promise<LedgerEntry>;
  requested(which?: RequestChoice): Promise<RecordedRequest>;
  /** Answered, or refused, or lost. */
  answered(which?: RequestChoice): Promise<RecordedRequest>;
  /** The account has a session that gets pushes. */
  online(account: Account): Promise<void>;
  /** It has no connection any more. */
  offline(account: Account): Promise<void>;
  /** Ends everything. Throws when the data centre itself failed on the way, or was asked what it does not serve. */
  close(): Promise<void>;
};
