/** Temporary keys (https://core.telegram.org/api/pfs): one is of use once it is bound to a permanent one, for which it stands from then on. */
import { openBinding } from '../crypto/binding-cipher.ts';
import { TlReader } from '../wire/tl-bytes.ts';
import { badRequest } from '../world/rpc-error.ts';
import { type Caller, type Handlers, method } from './caller.ts';
import { type Answer, type Api, bool, toBigInt } from './tl.ts';

export const bindingMethods: Handlers = {
  'auth.BindTempAuthKey': method('any-key', bindTempAuthKey),
};

const BIND_AUTH_KEY_INNER = 0x75a3f765;

function bindTempAuthKey(request: Api.auth.BindTempAuthKey, caller: Caller): Answer {
  const { world, key: temporary, session, messageId } = caller;
  const { expiresAt } = request;
  if (temporary.expiresAt === null) throw badRequest('TEMP_AUTH_KEY_EMPTY');
  const permanent = world.keys.get(BigInt.asUintN(64, toBigInt(request.permAuthKeyId)));
  if (permanent?.expiresAt !== null || permanent.dcId !== caller.dcId) throw badRequest('ENCRYPTED_MESSAGE_INVALID');
  const opened = openBinding(permanent.key, request.encryptedMessage);
  if (opened === null || opened.messageId !== messageId || opened.seqNo !== 0) throw badRequest('ENCRYPTED_MESSAGE_INVALID');
  const inner = new TlReader(opened.body);
  const isSame =
    inner.id() === BIND_AUTH_KEY_INNER &&
    inner.long() === toBigInt(request.nonce) &&
    inner.unsignedLong() === temporary.id &&
    inner.unsignedLong() === permanent.id &&
    inner.long() === session.id &&
    inner.int() === expiresAt;
  if (!isSame) throw badRequest('ENCRYPTED_MESSAGE_INVALID');
  if (temporary.boundTo !== null && temporary.boundTo !== permanent.id) throw badRequest('TEMP_AUTH_KEY_ALREADY_BOUND');
  if (expiresAt <= Math.floor(Date.now() / 1000)) throw badRequest('EXPIRES_AT_INVALID');
  world.commit({ kind: 'key', key: { ...temporary, expiresAt, boundTo: permanent.id } });
  return bool(true);
}
