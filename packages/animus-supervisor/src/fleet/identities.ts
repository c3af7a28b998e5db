/** Who an agent is on Telegram, as fingerprints: reconcile-policy.ts compares them, no key is kept. */
import { readFileSync } from 'node:fs';
import { fingerprint, isPlaceholder, parseEnvironment } from 'animus-protocol';

/** Each names one bot or one account; API id and hash name a program, and may be shared. */
const TELEGRAM_KEYS = ['TELEGRAM_BOT_TOKEN', 'TELEGRAM_PHONE', 'TELEGRAM_SESSION_STRING'];

export function readTelegramIdentities(environmentFile: string): string[] {
  let text: string;
  try {
    text = readFileSync(environmentFile, 'utf8');
  } catch {
    return [];
  }
  const { values } = parseEnvironment(text);
  return TELEGRAM_KEYS.flatMap((key) => {
    const value = values[key]?.trim() ?? '';
    return value === '' || isPlaceholder(value) ? [] : [`${key} ${fingerprint(value)}`];
  });
}
