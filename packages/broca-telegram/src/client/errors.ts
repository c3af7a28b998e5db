/** The library's errors, as ours. */
import { ConnectionLost, TelegramError } from '../telegram.ts';
import { errors } from './library.ts';

/** What a failed request means: Telegram's refusal, or that nobody knows whether it was carried out. */
export function readError(error: unknown): Error {
  if (error instanceof ConnectionLost || error instanceof TelegramError) return error;
  if (error instanceof errors.FloodWaitError) return waiting('FLOOD_WAIT', error.seconds);
  if (error instanceof errors.SlowModeWaitError) return waiting('SLOWMODE_WAIT', error.seconds);
  if (error instanceof errors.FileMigrateError) return new TelegramError(303, `FILE_MIGRATE_${error.newDc}`, null);
  if (error instanceof errors.PhoneMigrateError) return new TelegramError(303, `PHONE_MIGRATE_${error.newDc}`, null);
  if (error instanceof errors.RPCError) return new TelegramError(error.code ?? 400, error.errorMessage, null);
  return new ConnectionLost(error instanceof Error ? error.message : String(error));
}

function waiting(word: string, seconds: number): TelegramError {
  return new TelegramError(420, `${word}_${seconds}`, seconds * 1000);
}
