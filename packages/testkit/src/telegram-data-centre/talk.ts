/** The scene of most tests: Alice, who writes without a client, and a bot behind an unmodified one. */
import { Api, helpers } from 'telegram';
import { startTelegramDataCentre, type TelegramDataCentre, type TelegramSettings } from './index.ts';
import { createClient, senderOf, type TestClient } from './test-client.ts';
import type { Account } from './world/model.ts';

export type Talk = AsyncDisposable & {
  telegram: TelegramDataCentre;
  alice: Account;
  bot: Account;
  bots: TestClient;
  /** Every update that reached the bot, oldest first. */
  updates: Api.TypeUpdate[];
  /** Waits for the n-th (1-based) update that fits. */
  heard(fits: (update: Api.TypeUpdate) => boolean, number?: number): Promise<Api.TypeUpdate>;
};

export async function startTalk(settings: TelegramSettings = {}): Promise<Talk> {
  const telegram = await startTelegramDataCentre(settings);
  const alice = telegram.createUser({ username: 'alice', firstName: 'Alice' });
  const bot = telegram.createBot({ username: 'helper_bot' });
  telegram.meet(alice, bot);
  const bots = createClient(telegram, telegram.mintSession(bot));
  await bots.client.connect();
  await bots.client.getMe();
  const { updates, heard } = listen(bots);
  const end = async (): Promise<void> => {
    await bots[Symbol.asyncDispose]();
    await telegram.close();
  };
  return { telegram, alice, bot, bots, updates, heard, [Symbol.asyncDispose]: end };
}

/** What comes over the wire, as it comes: the library's own events may be put in order, or left out. The client must be connected. */
export function listen({ client }: TestClient): Pick<Talk, 'updates' | 'heard'> {
  const updates: Api.TypeUpdate[] = [];
  let wake = (): void => {};
  senderOf(client)._updateCallback = (_client, update) => {
    updates.push(...unpack(update));
    wake();
  };
  const heard: Talk['heard'] = async (fits, number = 1) => {
    for (;;) {
      const found = updates.filter(fits)[number - 1];
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { updates, heard };
}

/** The library speaks of its connection in the same way as of updates. */
function unpack(update: unknown): Api.TypeUpdate[] {
  if (update instanceof Api.Updates || update instanceof Api.UpdatesCombined) return update.updates;
  if (update instanceof Api.UpdateShort) return [update.update];
  return typeof update === 'object' && update !== null && 'CONSTRUCTOR_ID' in update ? [update as Api.TypeUpdate] : [];
}

export function textOf(update: Api.TypeUpdate): string | null {
  return 'message' in update && update.message instanceof Api.Message ? update.message.message : null;
}

export function sendText(to: Account, message: string, more: Partial<Api.messages.SendMessage> = {}): Api.messages.SendMessage {
  const peer = new Api.InputPeerUser({ userId: helpers.returnBigInt(to.id), accessHash: helpers.returnBigInt(0) });
  return new Api.messages.SendMessage({ peer, message, ...more });
}
