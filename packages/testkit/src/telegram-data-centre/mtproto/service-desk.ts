/** Serves MTProto's own requests on one connection: pings, acknowledgements, salts, states. */
import { TlReader } from '../wire/tl-bytes.ts';
import type { ConnectionHost } from './host.ts';
import { dropAnswer, futureSalts, pong, rpcResult, SERVICE, sessionDestroyed, stateInfo } from './service.ts';
import type { Session } from './session.ts';

export class ServiceDesk {
  readonly #host: ConnectionHost;
  readonly #disconnect: () => void;
  #deadline: NodeJS.Timeout | null = null;

  constructor(host: ConnectionHost, disconnect: () => void) {
    this.#host = host;
    this.#disconnect = disconnect;
  }

  close(): void {
    if (this.#deadline !== null) clearTimeout(this.#deadline);
  }

  /** False when it is no message of MTProto itself. */
  serve(session: Session, messageId: bigint, body: Buffer): boolean {
    const reader = new TlReader(body);
    switch (reader.id()) {
      case SERVICE.acks:
        session.acknowledged(reader.longs());
        return true;
      case SERVICE.ping:
        session.send(pong(messageId, reader.long()), 'service', true);
        return true;
      case SERVICE.pingDelayDisconnect:
        session.send(pong(messageId, reader.long()), 'service', true);
        this.#disconnectAfter(reader.int());
        return true;
      case SERVICE.stateRequest:
        session.send(stateInfo(messageId, statesOf(session, reader.longs())), 'service', true);
        return true;
      case SERVICE.resendRequest:
        session.resend(reader.longs());
        return true;
      case SERVICE.dropAnswer:
        session.send(
          rpcResult(messageId, dropAnswer(session.outcome(reader.long()) === undefined ? 'unknown' : 'running')),
          'content',
          true,
        );
        return true;
      case SERVICE.futureSalts:
        session.send(futureSalts(messageId, this.#host.now(), this.#host.findKey(session.keyId)?.salt ?? 0n), 'service', true);
        return true;
      case SERVICE.destroySession: {
        const id = reader.long();
        session.send(sessionDestroyed(id, id !== session.id && this.#host.forgetSession(session.keyId, id)), 'service', true);
        return true;
      }
      case SERVICE.stateInfo:
      case SERVICE.allInfo:
      case SERVICE.httpWait:
        return true;
      default:
        return false;
    }
  }

  /** Unless the next ping comes before. */
  #disconnectAfter(seconds: number): void {
    if (this.#deadline !== null) clearTimeout(this.#deadline);
    this.#deadline = setTimeout(this.#disconnect, seconds * 1000).unref();
  }
}

/** 1: nothing known; 4: received; +8: nothing to acknowledge is left open (https://core.telegram.org/mtproto/service_messages_about_messages). */
function statesOf(session: Session, ids: readonly bigint[]): Buffer {
  return Buffer.from(ids.map((id) => (session.seen(id) === undefined ? 1 : 12)));
}
