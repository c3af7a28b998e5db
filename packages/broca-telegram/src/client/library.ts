/**
 * The one module that imports `telegram`. Its upstream is archived; `npm:teleproto@1.229.0` has the same shape and takes
 * its place by an alias in package.json.
 */
import { Api, errors, extensions, helpers, password, sessions, TelegramClient } from 'telegram';

export { Api, errors, extensions, helpers, password, sessions, TelegramClient };

export type Long = ReturnType<typeof helpers.returnBigInt>;

/** A 64-bit number of Telegram's from decimal text. */
export function long(decimal: string): Long {
  return helpers.returnBigInt(decimal);
}
