/** An unmodified client of the library, as tests use it: through the proxy, silent, without waits of its own. */
import { type Api, Logger, TelegramClient } from 'telegram';
import { LogLevel } from 'telegram/extensions/Logger.js';
import { StringSession } from 'telegram/sessions/index.js';
import type { TelegramDataCentre } from './index.ts';

export type TestClient = AsyncDisposable & {
  client: TelegramClient;
  session: StringSession;
  errors: unknown[];
  /** Past the library's `invoke`, which tries again by itself what failed at Telegram, each version of it in another way. */
  ask<Request extends Api.AnyRequest>(request: Request): Promise<Request['__response']>;
};

type ClientOptions = NonNullable<ConstructorParameters<typeof TelegramClient>[3]>;

export function createClient(telegram: TelegramDataCentre, session: string, options: ClientOptions = {}): TestClient {
  const kept = new StringSession(session);
  const client = new TelegramClient(kept, telegram.app.id, telegram.app.hash, {
    ...{ proxy: telegram.proxy, baseLogger: new Logger(LogLevel.NONE), connectionRetries: 3, retryDelay: 50, requestRetries: 1 },
    ...{ floodSleepThreshold: 0, securityChecks: true, ...options },
  });
  const errors: unknown[] = [];
  client.onError = async (error): Promise<void> => {
    errors.push(error);
  };
  const ask: TestClient['ask'] = (request) => senderOf(client).send(request);
  return { client, session: kept, errors, ask, [Symbol.asyncDispose]: () => client.destroy() };
}

/** What the library sends requests with, and hands on what comes by itself: not for its users, and the same in all versions. */
export type Sender = {
  send<Request extends Api.AnyRequest>(request: Request): Promise<Request['__response']>;
  _updateCallback: (client: unknown, update: unknown) => void;
};

export function senderOf(client: TelegramClient): Sender {
  return Reflect.get(client, '_sender') as Sender;
}
