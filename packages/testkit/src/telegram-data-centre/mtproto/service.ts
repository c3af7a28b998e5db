/** MTProto's own messages (https://core.telegram.org/mtproto/service_messages), written by hand. */
import zlib from 'node:zlib';
import { bytesOf, int, long, longs } from '../wire/tl-bytes.ts';

export const SERVICE = {
  container: 0x73f1f8dc,
  gzipPacked: 0x3072cfa1,
  acks: 0x62d6b459,
  ping: 0x7abe77ec,
  pingDelayDisconnect: 0xf3427b8c,
  stateRequest: 0xda69fb52,
  stateInfo: 0x04deb57d,
  allInfo: 0x8cc0d131,
  resendRequest: 0x7d861a08,
  dropAnswer: 0x58e4a740,
  futureSalts: 0xb921bd04,
  destroySession: 0xe7512126,
  httpWait: 0x9299359f,
} as const;

/** Why a message was not taken (https://core.telegram.org/mtproto/service_messages_about_messages#notice-of-ignored-error-message). */
export const BAD_MESSAGE = {
  idTooLow: 16,
  idTooHigh: 17,
  idNotDivisibleByFour: 18,
  containerIdSeen: 19,
  seqTooLow: 32,
  seqTooHigh: 33,
  evenExpected: 34,
  oddExpected: 35,
  wrongSalt: 48,
  invalidContainer: 64,
} as const;

export type BadMessage = (typeof BAD_MESSAGE)[keyof typeof BAD_MESSAGE];

export function badMessage(messageId: bigint, seqNo: number, code: BadMessage, newSalt: bigint): Buffer {
  const fields = [long(messageId), int(seqNo), int(code)];
  return code === BAD_MESSAGE.wrongSalt
    ? Buffer.concat([int(0xedab447b), ...fields, long(newSalt)])
    : Buffer.concat([int(0xa7eff811), ...fields]);
}

export function newSessionCreated(firstMessageId: bigint, uniqueId: bigint, salt: bigint): Buffer {
  return Buffer.concat([int(0x9ec20908), long(firstMessageId), long(uniqueId), long(salt)]);
}

export function acks(messageIds: readonly bigint[]): Buffer {
  return Buffer.concat([int(SERVICE.acks), longs(messageIds)]);
}

export function pong(messageId: bigint, pingId: bigint): Buffer {
  return Buffer.concat([int(0x347773c5), long(messageId), long(pingId)]);
}

export function rpcResult(requestId: bigint, result: Buffer): Buffer {
  return Buffer.concat([int(0xf35c6d01), long(requestId), gzipIfSmaller(result)]);
}

export function rpcError(code: number, text: string): Buffer {
  return Buffer.concat([int(0x2144ca19), int(code), bytesOf(Buffer.from(text))]);
}

export function stateInfo(requestId: bigint, states: Buffer): Buffer {
  return Buffer.concat([int(SERVICE.stateInfo), long(requestId), bytesOf(states)]);
}

/** What became of the answer that `rpc_drop_answer` wants dropped. */
export function dropAnswer(state: 'unknown' | 'running'): Buffer {
  return int(state === 'unknown' ? 0x5e2ad36e : 0xcd78e586);
}

export function futureSalts(requestId: bigint, now: number, salt: bigint): Buffer {
  const seconds = Math.floor(now / 1000);
  return Buffer.concat([int(0xae500895), long(requestId), int(seconds), int(1), int(seconds), int(seconds + 1800), long(salt)]);
}

export function sessionDestroyed(sessionId: bigint, isKnown: boolean): Buffer {
  return Buffer.concat([int(isKnown ? 0xe22045fc : 0x62d350c9), long(sessionId)]);
}

/** Below this nothing is packed. */
const WORTH_PACKING = 512;

export function gzipIfSmaller(body: Buffer): Buffer {
  if (body.length < WORTH_PACKING) return body;
  const packed = Buffer.concat([int(SERVICE.gzipPacked), bytesOf(zlib.gzipSync(body))]);
  return packed.length < body.length ? packed : body;
}

/** Throws when it is not gzip, or would grow beyond what any request may have. */
export function gunzip(packed: Buffer): Buffer {
  return zlib.gunzipSync(packed, { maxOutputLength: 2 ** 24 });
}
