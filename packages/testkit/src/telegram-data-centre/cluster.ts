/**
 * The data centres of one world: takes connections, finds keys and sessions, hands requests to the API, and keeps count of who
 * is connected. Nothing here is decided by a test; ./data-centre.ts is what tests hold in their hands.
 */
import type { Socket } from 'node:net';
import { dispatch, type Office } from './api/dispatch.ts';
import { authKeyId } from './crypto/message-cipher.ts';
import type { ServerKey } from './crypto/server-key.ts';
import type { RecordedRequest } from './faults.ts';
import { Connection } from './mtproto/connection.ts';
import type { ConnectionHost, Line } from './mtproto/host.ts';
import type { AgreedKey } from './mtproto/key-exchange.ts';
import { Session } from './mtproto/session.ts';
import type { AuthKey } from './world/model.ts';
import type { World } from './world/world.ts';

export type ClusterEvent =
  | { kind: 'request'; request: RecordedRequest }
  | { kind: 'answered'; request: RecordedRequest }
  | { kind: 'connections' }
  | { kind: 'stored' };

/** Real wall clock, ms: what message ids are held against. */
export type ProtocolClock = () => number;

export class Cluster {
  readonly world: World;
  readonly serverKey: ServerKey;
  readonly connections: Set<Line> = new Set();
  readonly bugs: unknown[] = [];
  readonly #clock: ProtocolClock;
  readonly #sessions: Map<string, Session> = new Map();
  readonly #listeners: Set<(event: ClusterEvent) => void> = new Set();

  constructor(world: World, serverKey: ServerKey, clock: ProtocolClock) {
    this.world = world;
    this.serverKey = serverKey;
    this.#clock = clock;
    world.listen((fact) => {
      if (fact.kind === 'posted' || fact.kind === 'not-stored') this.emit({ kind: 'stored' });
    });
  }

  listen(listener: (event: ClusterEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit(event: ClusterEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  /** A client came through a proxy whose exit is `from`, and wants this data centre. */
  accept(socket: Socket, dcId: number, from: string, office: Office): void {
    this.connections.add(new Connection(socket, from, this.#host(dcId, office)));
    this.emit({ kind: 'connections' });
  }

  /** Online sessions of an account that want news, at the data centre that keeps it. */
  wakeSessionsOf(account: number): Session[] {
    return [...this.#sessions.values()].filter((session) => {
      const key = this.world.permanentKey(session.keyId);
      const isHome = key?.dcId === this.world.accounts.get(account)?.dcId;
      return session.isOnline && session.wantsUpdates && isHome && key?.accountId === account && key.brokenBy === null;
    });
  }

  sessionsOf(account: number): Session[] {
    return [...this.#sessions.values()].filter(({ keyId }) => this.world.permanentKey(keyId)?.accountId === account);
  }

  connectionsOf(account: number): Line[] {
    return [...this.connections].filter(({ key }) => key !== null && this.world.permanentKey(key.id)?.accountId === account);
  }

  #host(dcId: number, office: Office): ConnectionHost {
    return {
      ...{ dcId, serverKey: this.serverKey, now: this.#clock },
      findKey: (id) => this.#findKey(id, dcId),
      keyAgreed: (agreed) => this.#keep(agreed, dcId),
      session: (keyId, sessionId) => this.#session(keyId, sessionId),
      forgetSession: (keyId, sessionId) => this.#sessions.delete(`${keyId}:${sessionId}`),
      heard: (line) => this.#checkPlaces(line),
      request: (line, session, messageId, body) => {
        dispatch(office, line, dcId, session, messageId, body).catch((error: unknown) => this.bugs.push(error));
      },
      closed: (line) => {
        this.connections.delete(line);
        this.emit({ kind: 'connections' });
      },
      failed: (error) => this.bugs.push(error),
    };
  }

  #findKey(id: bigint, dcId: number): AuthKey | undefined {
    const key = this.world.keys.get(id);
    if (key === undefined || key.dcId !== dcId) return undefined;
    return key.expiresAt !== null && key.expiresAt * 1000 <= this.#clock() ? undefined : key;
  }

  #keep({ key, salt, expiresIn }: AgreedKey, dcId: number): void {
    const expiresAt = expiresIn === null ? null : Math.floor(this.#clock() / 1000) + expiresIn;
    const fresh = { accountId: null, layer: null, brokenBy: null, boundTo: null };
    this.world.commit({ kind: 'key', key: { id: authKeyId(key), key, dcId, salt, expiresAt, ...fresh } });
  }

  #session(keyId: bigint, sessionId: bigint): Session {
    const name = `${keyId}:${sessionId}`;
    const session = this.#sessions.get(name) ?? new Session(sessionId, keyId, this.#clock);
    this.#sessions.set(name, session);
    return session;
  }

  /** A key used from two places at the same time is dead for both, for ever. */
  #checkPlaces(line: Line): void {
    const permanent = (of: Line): AuthKey | undefined => (of.key === null ? undefined : this.world.permanentKey(of.key.id));
    const key = permanent(line);
    if (key === undefined || key.accountId === null || key.brokenBy !== null) return;
    const isElsewhere = [...this.connections].some((other) => other.from !== line.from && permanent(other)?.id === key.id);
    if (isElsewhere) this.world.commit({ kind: 'key', key: { ...key, brokenBy: 'AUTH_KEY_DUPLICATED' } });
  }
}
