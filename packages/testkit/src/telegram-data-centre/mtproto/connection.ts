/**
 * One TCP connection: packets in, decrypted, checked and taken apart; answers and pushes out, encrypted. What it does not
 * answer itself (requests of the API) it hands to the host.
 */
import type { Socket } from 'node:net';
import { decryptMessage, encryptMessage } from '../crypto/message-cipher.ts';
import { TransportError } from '../wire/framing.ts';
import { int, long, TlReader } from '../wire/tl-bytes.ts';
import { Transport } from '../wire/transport.ts';
import type { AuthKey } from '../world/model.ts';
import type { ConnectionHost, Line } from './host.ts';
import { ExchangeError, KeyExchange } from './key-exchange.ts';
import { acks, BAD_MESSAGE, type BadMessage, badMessage, newSessionCreated, SERVICE } from './service.ts';
import { ServiceDesk } from './service-desk.ts';
import { checkMessageId, type SentMessage, type Session } from './session.ts';

type Incoming = { id: bigint; seqNo: number; body: Buffer };

export class Connection implements Line {
  /** Where the client seems to be: the proxy's exit, or the loopback address. */
  readonly from: string;
  key: AuthKey | null = null;
  session: Session | null = null;
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #transport = new Transport();
  readonly #exchange: KeyExchange;
  readonly #desk: ServiceDesk;
  readonly #sink = { send: (messages: readonly SentMessage[]): void => this.#enqueue(messages) };
  #outgoing: SentMessage[] = [];
  #isFlushing = false;

  constructor(socket: Socket, from: string, host: ConnectionHost) {
    this.#socket = socket;
    this.from = from;
    this.#host = host;
    this.#exchange = new KeyExchange(host.serverKey, host.dcId);
    this.#desk = new ServiceDesk(host, () => this.close());
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#guard(() => this.#receiveAll(chunk)));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#ended());
  }

  get transport(): string {
    return this.#transport.name;
  }

  /** Politely, as a server that restarts. */
  close(): void {
    this.#flush();
    this.#socket.end(() => this.#socket.destroy());
  }

  /** With a reset; what was not flushed yet is lost. */
  reset(): void {
    this.#outgoing = [];
    this.#socket.resetAndDestroy();
  }

  #ended(): void {
    this.#desk.close();
    this.session?.detach(this.#sink);
    this.#host.closed(this);
  }

  /** Broken protocol ends the connection, as at the real server. */
  #guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof TransportError || error instanceof ExchangeError || error instanceof RangeError)) this.#host.failed(error);
      this.#socket.destroy();
    }
  }

  #receiveAll(chunk: Buffer): void {
    for (const packet of this.#transport.receive(chunk)) this.#receive(packet);
  }

  #receive(packet: Buffer): void {
    if (this.#socket.destroyed || packet.length < 24) return;
    const keyId = packet.readBigUInt64LE();
    if (keyId === 0n) this.#receivePlain(packet);
    else this.#receiveEncrypted(packet, keyId);
  }

  #receivePlain(packet: Buffer): void {
    const reader = new TlReader(packet);
    reader.raw(8);
    if (checkMessageId(reader.long(), this.#host.now()) === BAD_MESSAGE.idNotDivisibleByFour) throw new ExchangeError('odd message id');
    const { answer, agreed } = this.#exchange.step(reader.raw(reader.int()), this.#host.now());
    if (agreed !== null) this.#host.keyAgreed(agreed);
    const now = this.#host.now();
    const id = (BigInt(Math.floor(now / 1000)) << 32n) | (BigInt(now % 1000) << 22n) | 1n;
    this.#socket.write(this.#transport.write(Buffer.concat([long(0n), long(id), int(answer.length), answer])));
  }

  #receiveEncrypted(packet: Buffer, keyId: bigint): void {
    const key = this.#host.findKey(keyId);
    const plain = key === undefined ? null : decryptMessage(key.key, packet, 'from-client');
    if (key === undefined || plain === null) {
      this.#refuse(-404);
      return;
    }
    const reader = new TlReader(plain);
    const [salt, sessionId] = [reader.long(), reader.long()];
    const message = readMessage(reader);
    if (reader.left < 12 || reader.left > 1024) throw new RangeError(`${reader.left} bytes of padding`);
    this.key = key;
    this.#host.heard(this);
    const session = this.#host.session(keyId, sessionId);
    this.#attach(session);
    if (salt !== BigInt.asIntN(64, key.salt)) {
      this.#sendBad(session, message, BAD_MESSAGE.wrongSalt);
      return;
    }
    if (!session.isAnnounced) session.send(newSessionCreated(message.id, sessionId, key.salt), 'content', false);
    session.isAnnounced = true;
    this.#take(session, message, true);
  }

  /** A transport error (https://core.telegram.org/mtproto/mtproto-transports#transport-errors); the connection ends with it. */
  #refuse(code: number): void {
    this.#socket.end(this.#transport.write(int(code)));
  }

  #attach(session: Session): void {
    if (this.session !== session) this.session?.detach(this.#sink);
    this.session = session;
    session.attach(this.#sink);
  }

  #take(session: Session, message: Incoming, isOutermost: boolean): void {
    const kind = message.body.readUInt32LE();
    const known = session.seen(message.id);
    if (known !== undefined) {
      // Received before: its answer, if there is one, goes out again.
      if (kind === SERVICE.container && isOutermost) this.#sendBad(session, message, BAD_MESSAGE.containerIdSeen);
      else if (known.answer !== null) session.send(known.answer, 'content', true);
      return;
    }
    const bad = session.check(message.id, message.seqNo, contentOf(kind));
    if (bad !== null) {
      this.#sendBad(session, message, bad);
      return;
    }
    session.note(message.id, message.seqNo);
    if (kind === SERVICE.container) this.#takeContainer(session, message, isOutermost);
    else if (!this.#desk.serve(session, message.id, message.body)) this.#request(session, message);
  }

  /** Acknowledged at once: its answer may take its time, or be lost. */
  #request(session: Session, { id, body }: Incoming): void {
    session.send(acks([id]), 'service', false);
    this.#host.request(this, session, id, body);
  }

  #takeContainer(session: Session, container: Incoming, isOutermost: boolean): void {
    const reader = new TlReader(container.body);
    reader.id();
    const count = reader.int();
    if (!isOutermost || count < 0 || count > 1020) {
      this.#sendBad(session, container, BAD_MESSAGE.invalidContainer);
      return;
    }
    for (let index = 0; index < count; index++) this.#take(session, readMessage(reader), false);
  }

  #sendBad(session: Session, { id, seqNo }: Incoming, code: BadMessage): void {
    session.send(badMessage(id, seqNo, code, this.key?.salt ?? 0n), 'service', false);
  }

  /** What is sent in one go travels in one container. */
  #enqueue(messages: readonly SentMessage[]): void {
    this.#outgoing.push(...messages);
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#isFlushing = false;
    const [key, session] = [this.key, this.session];
    if (key === null || session === null || this.#outgoing.length === 0 || this.#socket.destroyed || !this.#socket.writable) return;
    for (const plain of session.pack(key.salt, this.#outgoing)) {
      this.#socket.write(this.#transport.write(encryptMessage(key.key, plain, 'from-server')));
    }
    this.#outgoing = [];
  }
}

function readMessage(reader: TlReader): Incoming {
  const [id, seqNo, length] = [reader.long(), reader.int(), reader.int()];
  if (length < 4 || length % 4 !== 0) throw new RangeError(`a message of ${length} bytes`);
  return { id, seqNo, body: reader.raw(length) };
}

/** Acknowledgements and containers are no content, requests are; clients differ over the rest. */
function contentOf(kind: number): boolean | null {
  switch (kind) {
    case SERVICE.container:
    case SERVICE.acks:
      return false;
    case SERVICE.ping:
    case SERVICE.pingDelayDisconnect:
    case SERVICE.stateRequest:
    case SERVICE.stateInfo:
    case SERVICE.allInfo:
    case SERVICE.resendRequest:
    case SERVICE.httpWait:
    case SERVICE.dropAnswer:
    case SERVICE.futureSalts:
    case SERVICE.destroySession:
      return null;
    default:
      return true;
  }
}
