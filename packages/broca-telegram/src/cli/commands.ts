/** What can be asked of the Telegram channel, while it runs or not: `channel.ask`, and below it `broca telegram …`. */
import { failed, ok, type Result } from 'animus-protocol';
import type { ChannelCommand, ChannelCommandContext } from 'broca-core';
import * as v from 'valibot';
import {
  approve,
  type Friend,
  forgetOwner,
  friends,
  isOwnershipOffered,
  OWNER_CODE_MS,
  offerOwnership,
  type PairingRequest,
  type Person,
  pairedOwner,
  readCode,
  requests,
  revoke,
} from '../access/pairing.ts';
import { TelegramChannel, type TelegramState } from '../channel.ts';
import { NOTICE } from '../intake/notices.ts';
import { readLogin, removeLogin } from '../session.ts';
import { readConfig, type TelegramSettings } from '../settings.ts';
import { type Account, ConnectionLost, SessionForgotten, type SocksProxy, TelegramError } from '../telegram.ts';

export type StatusReport = {
  /** Null when no Broca runs with this channel. */
  connection: TelegramState | null;
  /** Who is logged in, as far as is known without asking Telegram. */
  account: Account | null;
  owner: { id: string | null; username: string | null; from: 'settings' | 'pairing' } | null;
  friends: number;
  requests: number;
};

export type PairingReport = {
  owner: Person | null;
  isOwnershipOffered: boolean;
  friends: Friend[];
  requests: Omit<PairingRequest, 'code'>[];
};
export type OwnerCode = { code: string; until: number; account: Account | null };

const NOT_STORED = 'nothing was changed: the disk is full';

export const commands: Readonly<Record<string, ChannelCommand>> = {
  status: async (_args, context): Promise<Result<StatusReport, string>> => {
    const { state, now } = context;
    const valid = requests(state).filter(({ until }) => until > now());
    return ok({
      connection: channelOf(context)?.status ?? null,
      account: accountOf(context),
      owner: ownerOf(context),
      friends: friends(state).length,
      requests: valid.length,
    });
  },

  reload: async (_args, context) => {
    channelOf(context)?.reload();
    return ok({ reloaded: channelOf(context) !== null });
  },

  whoami: async (_args, context): Promise<Result<Account, string>> => {
    const status = channelOf(context)?.status;
    if (status?.kind === 'connected') return ok(status.account);
    if (status?.kind === 'broken') return failed(status.reason);
    return await connected(context, async (connection) => connection.me);
  },

  logout: async (_args, context): Promise<Result<{ account: Account | null }, string>> => {
    const account = accountOf(context);
    if (account === null) return failed('nobody is logged in');
    const live = channelOf(context)?.live ?? null;
    const ended =
      live === null ? await connected(context, async (connection) => await connection.logOut()) : await ending(live.connection.logOut());
    // A session that Telegram does not know any more is over already.
    removeLogin(context.folder);
    channelOf(context)?.reload();
    return ended.ok || /log in again/.test(ended.error)
      ? ok({ account })
      : failed(`${ended.error}. The session was removed here; end it in Telegram as well (Settings, Devices)`);
  },

  'pair.owner': async (_args, context): Promise<Result<OwnerCode, string>> => {
    if (context.environment('TELEGRAM_OWNER_ID') !== undefined)
      return failed('the owner is set by TELEGRAM_OWNER_ID in .env: change it there, or remove it to pair');
    const code = offerOwnership(context.state, context.now());
    return code === null ? failed(NOT_STORED) : ok({ code, until: context.now() + OWNER_CODE_MS, account: accountOf(context) });
  },

  'pair.list': async (_args, { state, now }): Promise<Result<PairingReport, string>> => {
    const waiting = requests(state).filter(({ until }) => until > now());
    // A code is proof that its holder gave it: it is not shown here.
    const shown = waiting.map(({ code: _code, ...request }) => request);
    return ok({
      owner: pairedOwner(state),
      isOwnershipOffered: isOwnershipOffered(state, now()),
      friends: friends(state),
      requests: shown,
    });
  },

  'pair.approve': async (args, context): Promise<Result<Friend, string>> => {
    const parsed = v.safeParse(v.strictObject({ code: v.string() }), args);
    const code = parsed.success ? readCode(parsed.output.code) : null;
    if (code === null) return failed('write the code as it was shown, as in ABCD-EFGH');
    const friend = approve(context.state, code, context.now());
    if (friend === null) return failed(`nobody waits with the code ${code}: it was wrong, used already, or is too old`);
    channelOf(context)?.live?.say(friend.id, NOTICE.approved, `approved-${friend.since}`);
    return ok(friend);
  },

  'pair.revoke': async (args, { state }) => {
    const parsed = v.safeParse(v.strictObject({ id: v.string() }), args);
    if (!parsed.success) return failed('write the id of the person, as broca telegram pair list shows it');
    const { id } = parsed.output;
    return revoke(state, id) ? ok({ id }) : failed(`nobody with the id ${id} was let in: broca telegram pair list`);
  },

  'pair.forget-owner': async (_args, { state }) => {
    const owner = pairedOwner(state);
    if (owner === null) return failed('nobody paired as the owner');
    return forgetOwner(state) ? ok(owner) : failed(NOT_STORED);
  },
};

function channelOf({ channel }: ChannelCommandContext): TelegramChannel | null {
  return channel instanceof TelegramChannel ? channel : null;
}

function accountOf({ folder }: ChannelCommandContext): Account | null {
  const login = readLogin(folder);
  return login.ok ? (login.value?.account ?? null) : null;
}

function ownerOf({ environment, state }: ChannelCommandContext): StatusReport['owner'] {
  const id = environment('TELEGRAM_OWNER_ID') ?? null;
  const username = environment('TELEGRAM_OWNER_USERNAME') ?? null;
  if (id !== null || username !== null) return { id, username, from: 'settings' };
  const paired = pairedOwner(state);
  return paired === null ? null : { id: paired.id, username: paired.username ?? null, from: 'pairing' };
}

/** Asks Telegram with the session that lies here, when the channel does not run. */
async function connected<T>(
  context: ChannelCommandContext,
  work: (connection: Awaited<ReturnType<typeof open>>) => Promise<T>,
): Promise<Result<T, string>> {
  const login = readLogin(context.folder);
  if (!login.ok) return login;
  if (login.value === null) return failed('nobody is logged in: broca telegram login');
  const { apiId, apiHash, session } = login.value;
  try {
    const connection = await open({ apiId, apiHash, session, proxy: proxyOf(context) });
    try {
      return ok(await work(connection));
    } finally {
      await connection.close();
    }
  } catch (error) {
    return failed(describeFault(error));
  }
}

/** The way to Telegram, as the channel itself takes it. */
function proxyOf({ settings, environment }: ChannelCommandContext): SocksProxy | null {
  const config = settings === null ? null : readConfig(settings as TelegramSettings, environment);
  return config?.ok === true ? config.value.proxy : null;
}

async function open(credentials: Parameters<typeof import('../client/connection.ts').openConnection>[0]) {
  const { openConnection } = await import('../client/connection.ts');
  return await openConnection(credentials, () => undefined);
}

async function ending(work: Promise<void>): Promise<Result<null, string>> {
  try {
    await work;
    return ok(null);
  } catch (error) {
    return failed(describeFault(error));
  }
}

export function describeFault(error: unknown): string {
  if (error instanceof SessionForgotten) return 'Telegram does not know this session any more: log in again (broca telegram login)';
  if (error instanceof ConnectionLost) return `Telegram cannot be reached: ${error.message}`;
  if (error instanceof TelegramError)
    return error.code === 401
      ? `Telegram has ended this session (${error.word}): log in again (broca telegram login)`
      : `Telegram refuses it: ${error.word}`;
  throw error;
}
