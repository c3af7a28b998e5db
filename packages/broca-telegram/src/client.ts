/** The one place that imports `telegram`: an alias to another build of the library is then a change of one line. */
import { StringSession } from 'telegram/sessions/index.js';

/** A session as text, this library's or Telethon's (the original Broca's): says whether it holds a login. */
export async function holdsLogin(session: string): Promise<boolean> {
  try {
    const parsed = new StringSession(session);
    await parsed.load();
    return parsed.authKey?.getKey()?.length === 256;
  } catch {
    return false;
  }
}
