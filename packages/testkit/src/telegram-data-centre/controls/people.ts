/** Accounts, groups, and their sessions, as a test makes them. */
import crypto from 'node:crypto';
import { authKeyId } from '../crypto/message-cipher.ts';
import { createVerifier } from '../crypto/password.ts';
import { dcHost } from '../dc-address.ts';
import { sessionString } from '../session-string.ts';
import type { AccountSettings, TelegramDataCentre } from '../telegram.ts';
import type { Account, AuthKey, Group } from '../world/model.ts';
import { post } from '../world/post.ts';
import type { Stage } from './stage.ts';

type People = Pick<
  TelegramDataCentre,
  | 'createUser'
  | 'createBot'
  | 'createGroup'
  | 'change'
  | 'meet'
  | 'block'
  | 'unblock'
  | 'mintSession'
  | 'codeFor'
  | 'revokeSessions'
  | 'unregisterSessions'
  | 'forgetKeys'
  | 'expireTemporaryKeys'
  | 'useElsewhere'
  | 'changeSalt'
>;

export function people(stage: Stage): People {
  const { world, logins } = stage;
  return {
    ...creation(stage),
    ...keys(stage),
    change: (thing, changes) => {
      const changed = { ...thing, ...changes };
      if ('kind' in changed) world.commit({ kind: 'group', group: changed as Group });
      else world.commit({ kind: 'account', account: changed as unknown as Account });
      return changed;
    },
    meet: (user, bot) => {
      const entities = [{ kind: 'BotCommand', offset: 0, length: 6 }];
      post(world, { from: user.id, to: { kind: 'user', id: bot.id }, text: '/start', entities }, null);
    },
    block: (by, whom) => world.commit({ kind: 'blocked', by: by.id, whom: whom.id, isBlocked: true }),
    unblock: (by, whom) => world.commit({ kind: 'blocked', by: by.id, whom: whom.id, isBlocked: false }),
    codeFor: (phone) => logins.codeFor(phone.replace(/\D/g, ''))?.code,
  };
}

function creation({ world, homeDcId }: Stage): Pick<People, 'createUser' | 'createBot' | 'createGroup'> {
  const newAccount = (settings: AccountSettings, isBot: boolean): Account => ({
    ...{
      id: settings.id ?? crypto.randomInt(100_000_000, 7_000_000_000),
      isBot,
      firstName: settings.firstName ?? (isBot ? 'Helper' : 'Someone'),
    },
    ...{ lastName: settings.lastName ?? null, username: settings.username ?? null, dcId: settings.dcId ?? homeDcId },
    ...{ phone: null, token: null, password: null },
  });
  const keep = (account: Account): Account => {
    world.commit({ kind: 'account', account });
    return account;
  };
  return {
    createUser: ({ phone, password, ...settings } = {}) => {
      const digits = phone?.replace(/\D/g, '') ?? `99966${crypto.randomInt(10_000, 99_999)}`;
      const verifier = password === undefined ? null : createVerifier(password);
      return keep({ ...newAccount(settings, false), phone: digits, password: verifier });
    },
    createBot: ({ token, ...settings } = {}) => {
      const account = newAccount({ username: `bot_${crypto.randomBytes(4).toString('hex')}_bot`, ...settings }, true);
      return keep({ ...account, token: token ?? `${account.id}:${crypto.randomBytes(26).toString('base64url')}` });
    },
    createGroup: ({ title, members, kind, username, slowModeSeconds, isForum }) => {
      const [creator] = members;
      if (creator === undefined) throw new Error('a group needs a member who creates it');
      const group: Group = {
        ...{ id: world.nextGroupId(), kind: kind ?? 'supergroup', title, username: username ?? null, creator: creator.id },
        ...{ members: members.map(({ id }) => id), muted: [], slowModeSeconds: slowModeSeconds ?? 0, isForum: isForum ?? false },
      };
      world.commit({ kind: 'group', group });
      return group;
    },
  };
}

type Keys = Pick<
  People,
  'mintSession' | 'revokeSessions' | 'unregisterSessions' | 'forgetKeys' | 'expireTemporaryKeys' | 'useElsewhere' | 'changeSalt'
>;

function keys({ world, cluster, homeDcId }: Stage): Keys {
  /** Temporary ones that stand for it too. */
  const keysOf = (account: Account): AuthKey[] =>
    [...world.keys.values()].filter(({ id }) => world.permanentKey(id)?.accountId === account.id);
  const breakKeys = (account: Account, brokenBy: AuthKey['brokenBy']): void => {
    for (const key of keysOf(account)) world.commit({ kind: 'key', key: { ...key, brokenBy } });
  };
  return {
    mintSession: (account, dcId = account?.dcId ?? homeDcId) => {
      const key = crypto.randomBytes(256);
      const salt = crypto.randomBytes(8).readBigInt64LE();
      const fresh = { layer: null, brokenBy: null, expiresAt: null, boundTo: null };
      world.commit({ kind: 'key', key: { id: authKeyId(key), key, dcId, accountId: account?.id ?? null, salt, ...fresh } });
      return sessionString(dcId, dcHost(dcId), key);
    },
    revokeSessions: (account) => breakKeys(account, 'SESSION_REVOKED'),
    unregisterSessions: (account, reason = 'AUTH_KEY_UNREGISTERED') => breakKeys(account, reason),
    useElsewhere: (account) => breakKeys(account, 'AUTH_KEY_DUPLICATED'),
    forgetKeys: (account) => {
      const lines = cluster.connectionsOf(account.id);
      for (const { id } of keysOf(account)) world.commit({ kind: 'key-gone', id });
      for (const line of lines) line.close();
    },
    expireTemporaryKeys: (account) => {
      const temporary = keysOf(account).filter(({ expiresAt }) => expiresAt !== null);
      for (const key of temporary) world.commit({ kind: 'key', key: { ...key, expiresAt: 0 } });
    },
    changeSalt: (account) => {
      for (const key of keysOf(account)) world.commit({ kind: 'key', key: { ...key, salt: crypto.randomBytes(8).readBigInt64LE() } });
    },
  };
}
