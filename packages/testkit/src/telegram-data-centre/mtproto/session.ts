/**
 * A client's session (https://core.telegram.org/mtproto/description#session): which of its messages were seen, which of ours it
 * has not acknowledged. It outlives connections; what was not acknowledged is sent again on the next one.
 */
import { int, long } from '../wire/tl-bytes.ts';
import { BAD_MESSAGE, type BadMessage } from './service.ts';

export type SentMessage = { id: bigint; seqNo: number; body: Buffer };
type SeenMessage = { id: bigint; seqNo: number /** The rpc_result, once there is one. */; answer: Buffer | null };

/** How far a client's message id may be behind and ahead of the server's clock, s. */
const BEHIND_S = 300n;
const AHEAD_S = 30n;
/** Messages of one session remembered, in both directions. */
const REMEMBERED = 1000;
const CONTAINER_LIMIT = 1020;

export type SessionSink = { send(messages: readonly SentMessage[]): void };

export class Session {
  readonly id: bigint;
  readonly keyId: bigint;
  /** Whether it asked for something that shows interest in news; only then it gets pushes. */
  wantsUpdates = false;
  /** Whether the client was told that it begins (new_session_created). */
  isAnnounced = false;
  readonly #outcomes: Map<bigint, Promise<boolean>> = new Map();
  readonly #seen: Map<bigint, SeenMessage> = new Map();
  readonly #unacknowledged: Map<bigint, SentMessage> = new Map();
  readonly #now: () => number;
  #contentSent = 0;
  #lastId = 0n;
  #sink: SessionSink | null = null;

  constructor(id: bigint, keyId: bigint, now: () => number) {
    this.id = id;
    this.keyId = keyId;
    this.#now = now;
  }

  get isOnline(): boolean {
    return this.#sink !== null;
  }

  /** Messages of ours that need an acknowledgement and have none. */
  get unacknowledged(): number {
    return this.#unacknowledged.size;
  }

  attach(sink: SessionSink): void {
    if (this.#sink === sink) return;
    this.#sink = sink;
    if (this.#unacknowledged.size > 0) sink.send([...this.#unacknowledged.values()]);
  }

  detach(sink: SessionSink): void {
    if (this.#sink === sink) this.#sink = null;
  }

  /** Content needs an acknowledgement. What no connection can take waits for the next one. */
  send(body: Buffer, kind: 'content' | 'service', isAnswer: boolean): void {
    const seqNo = kind === 'content' ? this.#contentSent * 2 + 1 : this.#contentSent * 2;
    const message = { id: this.#nextId(isAnswer), seqNo, body };
    if (kind === 'content') {
      this.#contentSent += 1;
      remember(this.#unacknowledged, message.id, message);
    }
    this.#sink?.send([message]);
  }

  acknowledged(ids: readonly bigint[]): void {
    for (const id of ids) this.#unacknowledged.delete(id);
  }

  resend(ids: readonly bigint[]): void {
    this.#sink?.send(ids.flatMap((id) => this.#unacknowledged.get(id) ?? []));
  }

  begin(id: bigint, outcome: Promise<boolean>): void {
    remember(this.#outcomes, id, outcome);
  }

  /** Whether a request running or done succeeded, which invokeAfterMsg waits for; undefined when there was none. */
  outcome(id: bigint): Promise<boolean> | undefined {
    return this.#outcomes.get(id);
  }

  seen(id: bigint): SeenMessage | undefined {
    return this.#seen.get(id);
  }

  answered(id: bigint, answer: Buffer): void {
    const seen = this.#seen.get(id);
    if (seen !== undefined) seen.answer = answer;
  }

  note(id: bigint, seqNo: number): void {
    remember(this.#seen, id, { id, seqNo, answer: null });
  }

  /** Whether the message may be taken, by its id and number; `isContent` null where both parities are used by clients. */
  check(id: bigint, seqNo: number, isContent: boolean | null): BadMessage | null {
    const byId = checkMessageId(id, this.#now());
    if (byId !== null) return byId;
    if (isContent === true && seqNo % 2 === 0) return BAD_MESSAGE.oddExpected;
    if (isContent === false && seqNo % 2 !== 0) return BAD_MESSAGE.evenExpected;
    for (const other of this.#seen.values()) {
      const isTaken = other.seqNo === seqNo && seqNo % 2 === 1;
      if (other.id < id && (other.seqNo > seqNo || isTaken)) return BAD_MESSAGE.seqTooLow;
      if (other.id > id && (other.seqNo < seqNo || isTaken)) return BAD_MESSAGE.seqTooHigh;
    }
    return null;
  }

  /** The plaintexts of as few packets as these messages fit into. */
  pack(salt: bigint, messages: readonly SentMessage[]): Buffer[] {
    const packets: Buffer[] = [];
    for (let at = 0; at < messages.length; at += CONTAINER_LIMIT) {
      const group = messages.slice(at, at + CONTAINER_LIMIT);
      const head = { id: this.#nextId(false), seqNo: this.#contentSent * 2 };
      const [only] = group;
      const whole = group.length === 1 && only !== undefined ? only : { ...head, body: containerOf(group) };
      packets.push(Buffer.concat([long(salt), long(this.id), writeMessage(whole)]));
    }
    return packets;
  }

  #nextId(isAnswer: boolean): bigint {
    const now = this.#now();
    const time = (BigInt(Math.floor(now / 1000)) << 32n) | (BigInt(Math.floor((now % 1000) * 4_294_967)) & ~3n);
    const id = (time > this.#lastId ? time : (this.#lastId & ~3n) + 4n) | (isAnswer ? 1n : 3n);
    this.#lastId = id;
    return id;
  }
}

export function checkMessageId(id: bigint, now: number): BadMessage | null {
  if (id % 4n !== 0n) return BAD_MESSAGE.idNotDivisibleByFour;
  const [seconds, serverSeconds] = [id >> 32n, BigInt(Math.floor(now / 1000))];
  if (seconds < serverSeconds - BEHIND_S) return BAD_MESSAGE.idTooLow;
  return seconds > serverSeconds + AHEAD_S ? BAD_MESSAGE.idTooHigh : null;
}

function containerOf(messages: readonly SentMessage[]): Buffer {
  return Buffer.concat([int(0x73f1f8dc), int(messages.length), ...messages.map(writeMessage)]);
}

function writeMessage({ id, seqNo, body }: SentMessage): Buffer {
  return Buffer.concat([long(id), int(seqNo), int(body.length), body]);
}

function remember<Value>(map: Map<bigint, Value>, id: bigint, value: Value): void {
  map.set(id, value);
  for (const old of map.keys()) {
    if (map.size <= REMEMBERED) return;
    map.delete(old);
  }
}
