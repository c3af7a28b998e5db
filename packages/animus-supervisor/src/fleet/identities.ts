/** Who an agent is on Telegram, as fingerprints: reconcile-policy.ts compares them, no key is kept. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { fingerprint, isPlaceholder, parseEnvironment } from 'animus-protocol';

/** Each names one bot or one account; API id and hash name a program, and may be shared. */
const TELEGRAM_KEYS = ['TELEGRAM_BOT_TOKEN', 'TELEGRAM_PHONE', 'TELEGRAM_SESSION_STRING'];

export function readTelegramIdentities(environmentFile: string): string[] {
  const { values } = parseEnvironment(readFile(environmentFile));
  return TELEGRAM_KEYS.flatMap((key) => {
    const value = values[key]?.trim() ?? '';
    return value === '' || isPlaceholder(value) ? [] : [`${key} ${fingerprint(value)}`];
  });
}

/** Empty where there is none. The agent can write it: a named pipe in its place would hold the whole supervisor otherwise. */
function readFile(file: string): string {
  let descriptor: number;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return '';
  }
  try {
    return fstatSync(descriptor).isFile() ? readFileSync(descriptor, 'utf8') : '';
  } finally {
    closeSync(descriptor);
  }
}
