/**
 * Telegram on loopback, for tests: real MTProto, several data centres, accounts, chats, faults on demand, and a ledger of all
 * that was sent. It is never kinder than the real thing. An unmodified client reaches it through its ordinary proxy setting.
 *
 *     await using telegram = await startTelegramDataCentre();
 *     const alice = telegram.createUser({ username: 'alice' });
 *     const bot = telegram.createBot({ username: 'helper_bot' });
 *     telegram.meet(alice, bot);                                // a bot may only write to whom it knows
 *     const client = new TelegramClient(new StringSession(telegram.mintSession(bot)), app.id, app.hash, { proxy: telegram.proxy });
 *     telegram.pushText(alice, bot, 'hello');
 *     await telegram.sent({ by: bot });                         // waits for the first message of the bot
 *
 * The module that holds it all is loaded on the first start: it brings the library with it (45 MB).
 * All that it can do is listed in ./telegram.ts.
 */
import type { TelegramDataCentre, TelegramSettings } from './telegram.ts';

export type { Fault, FaultHandle } from './faults.ts';
export type { FileSettings, TelegramDataCentre, TelegramProxy, TelegramSettings } from './telegram.ts';
export type { Account, Entity, Group, LedgerEntry, Message } from './world/model.ts';

export async function startTelegramDataCentre(settings: TelegramSettings = {}): Promise<TelegramDataCentre> {
  const { openDataCentre } = await import('./data-centre.ts');
  return openDataCentre(settings);
}
