/** Logging in and out: bots by token, people by code and, where they have one, password. */

import { DH_BASE, DH_BYTES, DH_PRIME, toBytes } from '../crypto/big.ts';
import { createChallenge, isProof, type PasswordVerifier } from '../crypto/password.ts';
import type { Account } from '../world/model.ts';
import { badRequest, RpcError } from '../world/rpc-error.ts';
import { type Caller, type Handlers, method } from './caller.ts';
import { CODE_LIFE_MS, type SentCode } from './logins.ts';
import { toUser } from './objects.ts';
import { type Answer, Api, big, bool, toBigInt } from './tl.ts';

export const loginMethods: Handlers = {
  'auth.SendCode': method('anyone', sendCode),
  'auth.ResendCode': method('anyone', resendCode),
  'auth.CancelCode': method('anyone', cancelCode),
  'auth.SignIn': method('anyone', signIn),
  'auth.ImportBotAuthorization': method('anyone', importBot),
  'auth.CheckPassword': method('anyone', checkPassword),
  'account.GetPassword': method('anyone', getPassword),
  'auth.LogOut': method('anywhere', logOut),
  'auth.ExportAuthorization': method('account', exportAuthorization),
  'auth.ImportAuthorization': method('anyone', importAuthorization),
};

function requireApp({ settings }: Caller, apiId: number, apiHash: string): void {
  const hash = settings.apps.get(apiId);
  if (hash === undefined || hash !== apiHash) throw badRequest('API_ID_INVALID');
}

function sendCode(request: Api.auth.SendCode, caller: Caller): Api.auth.SentCode {
  requireApp(caller, request.apiId, request.apiHash);
  const phone = request.phoneNumber.replace(/\D/g, '');
  if (phone.length < 7 || phone.length > 15) throw new RpcError(400, 'PHONE_NUMBER_INVALID');
  const account = caller.world.accountBy((other) => other.phone === phone);
  if (account !== undefined && account.dcId !== caller.dcId) throw new RpcError(303, `PHONE_MIGRATE_${account.dcId}`);
  return sentCode(caller.logins.sendCode(phone, caller.world.now()));
}

function sentCode({ hash, code }: SentCode): Api.auth.SentCode {
  return new Api.auth.SentCode({ type: new Api.auth.SentCodeTypeApp({ length: code.length }), phoneCodeHash: hash, timeout: 60 });
}

function resendCode(request: Api.auth.ResendCode, caller: Caller): Api.auth.SentCode {
  const { phone } = requireCode(caller, request);
  const again = caller.logins.sendCode(phone, caller.world.now());
  return new Api.auth.SentCode({ type: new Api.auth.SentCodeTypeSms({ length: again.code.length }), phoneCodeHash: again.hash });
}

function cancelCode(request: Api.auth.CancelCode, caller: Caller): Answer {
  caller.logins.dropCode(requireCode(caller, request).phone);
  return bool(true);
}

function requireCode({ logins, world }: Caller, request: { phoneNumber: string; phoneCodeHash: string }): SentCode {
  const code = logins.codeFor(request.phoneNumber.replace(/\D/g, ''));
  if (request.phoneCodeHash === '') throw badRequest('PHONE_CODE_HASH_EMPTY');
  if (code === undefined || code.hash !== request.phoneCodeHash) throw badRequest('PHONE_CODE_EXPIRED');
  if (world.now() - code.sentAt > CODE_LIFE_MS) throw badRequest('PHONE_CODE_EXPIRED');
  return code;
}

function signIn(request: Api.auth.SignIn, caller: Caller): Api.auth.TypeAuthorization {
  const code = requireCode(caller, request);
  if (!request.phoneCode) throw badRequest('PHONE_CODE_EMPTY');
  if (request.phoneCode !== code.code) throw badRequest('PHONE_CODE_INVALID');
  const account = caller.world.accountBy((other) => other.phone === code.phone);
  if (account === undefined) return new Api.auth.AuthorizationSignUpRequired({});
  caller.logins.dropCode(code.phone);
  if (account.password === null) return logIn(caller, account);
  caller.logins.awaitPassword(caller.key.id, account.id);
  throw new RpcError(401, 'SESSION_PASSWORD_NEEDED');
}

function logIn({ world, key }: Caller, account: Account): Api.auth.Authorization {
  world.commit({ kind: 'key', key: { ...key, accountId: account.id } });
  return new Api.auth.Authorization({ user: toUser(world, account, account.id) });
}

function importBot(request: Api.auth.ImportBotAuthorization, caller: Caller): Api.auth.Authorization {
  requireApp(caller, request.apiId, request.apiHash);
  const bot = caller.world.accountBy(({ isBot, token }) => isBot && token === request.botAuthToken);
  if (bot === undefined) throw badRequest(/^\d+:[\w-]{30,}$/.test(request.botAuthToken) ? 'ACCESS_TOKEN_EXPIRED' : 'ACCESS_TOKEN_INVALID');
  if (bot.dcId !== caller.dcId) throw new RpcError(303, `USER_MIGRATE_${bot.dcId}`);
  return logIn(caller, bot);
}

/** Whose password is asked for: who is logged in, or gave the right code just now. */
function passwordOwner({ world, key, logins }: Caller): Account {
  const account = world.accounts.get(key.accountId ?? logins.awaitedBy(key.id) ?? -1);
  if (account === undefined) throw new RpcError(401, 'AUTH_KEY_UNREGISTERED');
  return account;
}

function algorithm({ salt1, salt2 }: PasswordVerifier): Api.TypePasswordKdfAlgo {
  return new Api.PasswordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow({
    ...{ salt1, salt2, g: DH_BASE, p: toBytes(DH_PRIME, DH_BYTES) },
  });
}

const NO_PASSWORD = { salt1: Buffer.alloc(8), salt2: Buffer.alloc(16), verifier: 0n };

function getPassword(_request: Api.account.GetPassword, caller: Caller): Api.account.Password {
  const { password } = passwordOwner(caller);
  const always = {
    ...{ newAlgo: algorithm(NO_PASSWORD), newSecureAlgo: new Api.SecurePasswordKdfAlgoUnknown(), secureRandom: Buffer.alloc(256) },
    hasPassword: password !== null,
  };
  if (password === null) return new Api.account.Password(always);
  const challenge = createChallenge(password);
  caller.logins.keepChallenge(challenge);
  const asked = { currentAlgo: algorithm(password), srp_B: challenge.publicValue, srpId: big(challenge.id), hint: 'the usual' };
  return new Api.account.Password({ ...always, ...asked });
}

function checkPassword(request: Api.auth.CheckPassword, caller: Caller): Api.auth.Authorization {
  const account = passwordOwner(caller);
  const given = request.password;
  if (account.password === null || given instanceof Api.InputCheckPasswordEmpty) throw badRequest('PASSWORD_HASH_INVALID');
  const challenge = caller.logins.takeChallenge(toBigInt(given.srpId));
  if (challenge === undefined) throw badRequest('SRP_ID_INVALID');
  if (!isProof(account.password, challenge, given.A, given.M1)) throw badRequest('PASSWORD_HASH_INVALID');
  caller.logins.passwordGiven(caller.key.id);
  return logIn(caller, account);
}

function logOut(_request: Api.auth.LogOut, caller: Caller): Api.auth.LoggedOut {
  caller.account();
  caller.world.commit({ kind: 'key', key: { ...caller.key, accountId: null } });
  return new Api.auth.LoggedOut({});
}

function exportAuthorization(request: Api.auth.ExportAuthorization, caller: Caller): Api.auth.ExportedAuthorization {
  const { dcId } = request;
  if (!caller.settings.addresses.some(({ id }) => id === dcId) || dcId === caller.dcId) throw badRequest('DC_ID_INVALID');
  const account = caller.account();
  return new Api.auth.ExportedAuthorization({ id: big(account.id), bytes: caller.logins.exportTo(dcId, account.id) });
}

function importAuthorization(request: Api.auth.ImportAuthorization, caller: Caller): Api.auth.Authorization {
  const accountId = caller.logins.import(caller.dcId, request.bytes);
  const account = caller.world.accounts.get(accountId ?? -1);
  if (account === undefined || big(account.id).neq(request.id)) throw badRequest('AUTH_BYTES_INVALID');
  return logIn(caller, account);
}
