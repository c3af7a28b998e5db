/** An unmodified client of the library, as tests use it: through the proxy, silent, without waits of its own. */
import { Logger, TelegramClient } from 'telegram';
import { LogLevel } from 'telegram/extensions/Logger.js';
import { StringSession } from 'telegram/sessions/index.js';
import type { TelegramDataCentre } from './index.ts';

export type TestClient = AsyncDisposable & { client: TelegramClient; session: StringSession; errors: unknown[] };

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
  return { client, session: kept, errors, [Symbol.asyncDispose]: () => client.destroy() };
}
