/** Who asks, and what a method of the API may use to answer. */
import type { Session } from '../mtproto/session.ts';
import type { Limits } from '../world/limits.ts';
import type { Account, AuthKey, Peer } from '../world/model.ts';
import type { Uploads } from '../world/uploads.ts';
import type { World } from '../world/world.ts';
import type { Logins } from './logins.ts';
import type { Answer, ApiRequest } from './tl.ts';

export type DcAddress = { id: number; host: string; port: number };

export type ApiSettings = {
  /** Where clients are told to find the data centres. */
  addresses: readonly DcAddress[];
  apps: ReadonlyMap<number, string>;
  /** How long a random_id is remembered, ms. */
  randomIdMemoryMs: number;
  /** Updates that one answer of getDifference holds at most, and of getChannelDifference. */
  differenceLimit: number;
  /** Updates beyond which a channel's difference is too long. */
  channelDifferenceLimit: number;
  /** Whether the answer to a short text is updateShortSentMessage, as the real one's mostly is, or the whole update. */
  sentAnswer: 'short' | 'full';
};

export type Caller = {
  readonly world: World;
  readonly logins: Logins;
  readonly limits: Limits;
  readonly uploads: Uploads;
  readonly settings: ApiSettings;
  readonly dcId: number;
  /** The permanent one: who is logged in is kept with it. Of a binding, the one that asks. */
  readonly key: AuthKey;
  readonly session: Session;
  /** Of the request. */
  readonly messageId: bigint;
  /** Somebody shows in a chat what they are doing. */
  typed(chat: Peer, action: string): void;
  /** Throws AUTH_KEY_UNREGISTERED when nobody is logged in. */
  account(): Account;
};

/** `any-key`: before anything else, also with a temporary key that is bound to none. `anyone`: before a login too. `user`: no bots (BOT_METHOD_INVALID). `anywhere`: also with a key of a data centre that does not keep the account. */
export type Access = 'any-key' | 'anyone' | 'anywhere' | 'account' | 'user';

export type Handler = {
  access: Access;
  /** Whether a session that asks this wants to hear news from now on. */
  wakesUpdates: boolean;
  serve(request: ApiRequest, caller: Caller): Answer;
};

export type Handlers = Readonly<Record<string, Handler>>;

export function method<Request extends ApiRequest>(access: Access, serve: (request: Request, caller: Caller) => Answer): Handler {
  // The table's key is the class of the request: dispatch hands over no other.
  return { access, wakesUpdates: access === 'account' || access === 'user', serve: serve as Handler['serve'] };
}
