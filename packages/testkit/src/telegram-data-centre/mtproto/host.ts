/** The two sides of the border between one connection and the data centre it belongs to. */
import type { ServerKey } from '../crypto/server-key.ts';
import type { AuthKey } from '../world/model.ts';
import type { AgreedKey } from './key-exchange.ts';
import type { Session } from './session.ts';

/** A client's connection. */
export type Line = {
  /** Where the client seems to be: the proxy's exit, or the loopback address. */
  readonly from: string;
  /** `full`, `obfuscated abridged`, … */
  readonly transport: string;
  /** Null before the first encrypted message. */
  readonly key: AuthKey | null;
  readonly session: Session | null;
  /** Politely, as a server that restarts: what was said goes out first. */
  close(): void;
  /** With a reset; what did not go out yet is lost. */
  reset(): void;
};

/** What a connection asks of the data centre it belongs to. */
export type ConnectionHost = {
  readonly dcId: number;
  readonly serverKey: ServerKey;
  /** Real wall clock, ms. */
  now(): number;
  findKey(id: bigint): AuthKey | undefined;
  keyAgreed(agreed: AgreedKey): void;
  /** The session of that id, new when nobody had it. */
  session(keyId: bigint, sessionId: bigint): Session;
  forgetSession(keyId: bigint, sessionId: bigint): boolean;
  /** A message came in that was properly encrypted. */
  heard(line: Line): void;
  request(line: Line, session: Session, messageId: bigint, body: Buffer): void;
  closed(line: Line): void;
  /** The client broke the protocol, or we have a bug. */
  failed(error: unknown): void;
};
