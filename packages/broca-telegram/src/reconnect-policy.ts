/** When to connect again, and what the end of a connection means for it. */
import { sessionFault } from './deliver/error-policy.ts';

const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;
/** A connection that held so long was a good one: the next trouble is a new one. */
export const GOOD_AFTER_MS = 60_000;

/** `chance`: from 0 to 1, so that many agents do not all come at once. */
export function reconnectAfter(failures: number, chance: number): number {
  const backoff = Math.min(FIRST_MS * 2 ** Math.max(0, failures - 1), LONGEST_MS);
  return Math.round(backoff * (0.5 + chance / 2));
}

export type EndOfConnection =
  | { kind: 'lost'; message: string }
  | { kind: 'forgotten' }
  | { kind: 'refused'; code: number; word: string; waitMs: number | null };

/** Connect again after a while · only a new login helps · a bot may log in anew by itself. */
export type EndVerdict = { kind: 'again'; afterMs: number; reason: string } | { kind: 'login'; reason: string; byToken: boolean };

export function judgeEnd(end: EndOfConnection, failures: number, chance: number): EndVerdict {
  const afterMs = reconnectAfter(failures, chance);
  switch (end.kind) {
    case 'lost':
      return { kind: 'again', afterMs, reason: `no connection to Telegram: ${end.message}` };
    case 'forgotten':
      return { kind: 'login', reason: 'Telegram does not know this session any more: log in again (broca telegram login)', byToken: true };
    case 'refused': {
      const fault = sessionFault(end);
      // Who else has the session would end the new one as well, if that is made by itself.
      if (fault !== null)
        return { kind: 'login', reason: fault, byToken: end.word !== 'AUTH_KEY_DUPLICATED' && !/^(ACCESS_TOKEN|API_ID)_/.test(end.word) };
      return { kind: 'again', afterMs: Math.max(afterMs, end.waitMs ?? 0), reason: `Telegram refuses the connection: ${end.word}` };
    }
  }
}
