/**
 * The only place that touches the library: its tables read the API's requests and write the answers. What MTProto itself
 * needs, and all cryptography, is our own code.
 */
import { Api, helpers } from 'telegram';
import { _serverKeys } from 'telegram/crypto/RSA.js';
import { BinaryReader } from 'telegram/extensions/index.js';
import type { ServerKey } from '../crypto/server-key.ts';
import { int } from '../wire/tl-bytes.ts';

export { Api };

export type Big = Api.long;

/** Anything that can be an answer. */
export type Answer = { getBytes(): Buffer };

/** A request as the client sent it; which one says `className` (`messages.SendMessage`). */
export type ApiRequest = { className: string; classType: string };

/** Throws when the bytes are no request of this layer. */
export async function readRequest(body: Buffer): Promise<ApiRequest> {
  const read: unknown = await new BinaryReader(body).tgReadObject();
  if (typeof read !== 'object' || read === null || !('className' in read) || !('classType' in read)) throw new RangeError('no request');
  if (read.classType !== 'request') throw new RangeError(`${String(read.className)} is no request`);
  return read as ApiRequest;
}

export function big(value: bigint | number): Big {
  return helpers.returnBigInt(value.toString());
}

export function toBigInt(value: Big): bigint {
  return BigInt(value.toString());
}

/** Vectors and booleans have no class in the library. */
export function vector(items: readonly Answer[]): Answer {
  return { getBytes: () => Buffer.concat([int(0x1cb5c415), int(items.length), ...items.map((item) => item.getBytes())]) };
}

export function bool(value: boolean): Answer {
  return { getBytes: () => int(value ? 0x997275b5 : 0xbc799737) };
}

/** Clients of this process will then accept our key in an exchange, besides Telegram's own. */
export function trustServerKey({ fingerprint, modulus, exponent }: ServerKey): void {
  _serverKeys.set(fingerprint.toString(), { n: helpers.returnBigInt(modulus.toString()), e: exponent });
}
