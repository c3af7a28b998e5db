/** One client of the library, kept to our rules: no reconnecting by itself, no output, no state of its own, no endless wait. */
import { VERSION } from 'animus-protocol';
import { ConnectionLost, type Credentials, SessionForgotten } from '../telegram.ts';
import { readError } from './errors.ts';
import { type Api, extensions, sessions, TelegramClient } from './library.ts';
import { createSockets, type Sockets } from './sockets.ts';

/** The exchange of keys takes the library a second or two of computing. */
const CONNECT_TIMEOUT_MS = 30_000;
const REQUEST_TIMEOUT_MS = 30_000;

/** A session that does not collect everybody it ever saw, as the library's do. */
class Session extends sessions.StringSession {
  override processEntities(): void {
    // What is known of people is kept in the agent's database.
  }
}

export class Client {
  /** Settles when the connection is over, with why. */
  readonly ended: Promise<Error>;
  /** Called for everything that Telegram sends by itself. */
  onUpdates: (updates: Api.TypeUpdates) => void = () => undefined;
  readonly #client: TelegramClient;
  readonly #session: Session;
  readonly #sockets: Sockets;
  readonly #mayMove: boolean;
  readonly #tellEnd: (why: Error) => void;
  /** Those who wait for an answer, to be told that none will come. */
  readonly #waiting = new Set<(why: Error) => void>();
  #sender: Sender | null = null;
  #over: Error | null = null;
  #lastError: Error | null = null;

  /** `mayMove`: a login may be sent on to another data centre, and its first connection then ends. */
  constructor({ apiId, apiHash, session, proxy }: Credentials, { mayMove = false }: { mayMove?: boolean } = {}) {
    this.#mayMove = mayMove;
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.ended = promise;
    this.#tellEnd = resolve;
    this.#session = new Session(session);
    this.#sockets = createSockets();
    this.#client = new TelegramClient(this.#session, apiId, apiHash, {
      connectionRetries: 1,
      retryDelay: 0,
      requestRetries: 2,
      floodSleepThreshold: 0,
      autoReconnect: false,
      useWSS: false,
      securityChecks: true,
      deviceModel: 'Animus',
      appVersion: VERSION,
      baseLogger: new extensions.Logger('none' as ConstructorParameters<typeof extensions.Logger>[0]),
      networkSocket: this.#sockets.socketClass,
      ...(proxy === null ? {} : { proxy: proxyOf(proxy) }),
    });
    this.#client.onError = async (error) => {
      this.#lastError = error;
    };
  }

  /** Rejects with ConnectionLost, SessionForgotten or TelegramError. */
  async connect(): Promise<void> {
    const connecting = this.#client.connect();
    connecting.catch(() => undefined);
    // The sender is there once the session is loaded, before anything was sent.
    await new Promise((resolve) => setImmediate(resolve));
    this.#listen();
    const isConnected = await this.within(connecting, CONNECT_TIMEOUT_MS);
    if (!isConnected) throw new ConnectionLost(this.#lastError?.message ?? 'Telegram cannot be reached');
    if (!this.#mayMove) this.#sockets.onLost(() => this.#end(new ConnectionLost('the connection was closed')));
  }

  async call<R extends Api.AnyRequest>(request: R, timeoutMs: number = REQUEST_TIMEOUT_MS): Promise<R['__response']> {
    return await this.within(this.#mayMove ? this.#client.invoke(request) : this.#send(request), timeoutMs);
  }

  /**
   * Past the library's `invoke`, which tries again by itself what failed at Telegram, sleeps meanwhile and forgets why it
   * failed. Only a login needs it, for it follows to another data centre.
   */
  async #send<R extends Api.AnyRequest>(request: R): Promise<R['__response']> {
    const sender = this.#sender;
    return await (sender === null ? this.#client.invoke(request) : sender.send(request));
  }

  /** The session as text, with the key that was agreed on. */
  session(): string {
    return this.#session.save();
  }

  get dc(): number {
    return this.#session.dcId;
  }

  /** The library's own client, for the dialogue of a login. */
  get raw(): TelegramClient {
    return this.#client;
  }

  async close(): Promise<void> {
    this.#end(new ConnectionLost('the connection was closed'));
    this.#sockets.shut();
    await this.#client.destroy().catch(() => undefined);
  }

  async within<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
    if (this.#over !== null) throw this.#over;
    const { promise: failure, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new ConnectionLost('Telegram gave no answer in time')), timeoutMs);
    this.#waiting.add(reject);
    // Its end may come after we have given it up.
    work.catch(() => undefined);
    try {
      return await Promise.race([work, failure]);
    } catch (error) {
      throw error instanceof SessionForgotten ? error : readError(error);
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(reject);
    }
  }

  /** Outside of the library's own work: a throw of ours would cost it the answers that came in the same packet. */
  #tell(updates: Api.TypeUpdates): void {
    queueMicrotask(() => this.onUpdates(updates));
  }

  #end(why: Error): void {
    if (this.#over !== null) return;
    this.#over = why;
    this.#tellEnd(why);
    for (const reject of this.#waiting) reject(why);
  }

  /** What comes by itself reaches us as it is: the library's own events lose which mailbox they moved, and their order. */
  #listen(): void {
    const sender: unknown = Reflect.get(this.#client, '_sender');
    if (!isSender(sender)) return;
    this.#sender = sender;
    Reflect.set(sender, '_updateCallback', (_client: unknown, update: unknown) => this.#take(update));
  }

  #take(update: unknown): void {
    if (this.#over !== null || typeof update !== 'object' || update === null) return;
    if ('CONSTRUCTOR_ID' in update) this.#tell(update as Api.TypeUpdates);
    // The connection's state. 0: this server does not know the session's key any more.
    else if ('state' in update && update.state === 0) this.#end(new SessionForgotten('Telegram does not know this session any more'));
  }
}

/** What sends requests over the connection, and gives Telegram's answer or its refusal as they are. */
type Sender = { send<R extends Api.AnyRequest>(request: R): Promise<R['__response']> };

function isSender(value: unknown): value is Sender {
  return typeof value === 'object' && value !== null && 'send' in value && typeof value.send === 'function';
}

function proxyOf({ host, port, version, username, password }: NonNullable<Credentials['proxy']>) {
  return {
    ip: host,
    port,
    socksType: version,
    timeout: 15,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
}
