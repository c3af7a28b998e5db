/** What Telegram's refusal of a message means for it. core.telegram.org/method/messages.sendMessage lists them. */
import type { DeliveryOutcome } from 'broca-core';

export type Refusal = { code: number; word: string; waitMs: number | null };

/**
 * `delivered` before · `session`: the login itself is gone or taken · `without-reply`, `without-markup`, `without-media`:
 * it may go without what was refused · everything else is an outcome.
 */
export type RefusalVerdict =
  | { kind: 'outcome'; outcome: DeliveryOutcome }
  | { kind: 'session'; reason: string }
  | { kind: 'without-reply' | 'without-markup' | 'without-media' };

/** Refusals that concern more than one message of this account, and pass. */
const LATER: ReadonlyMap<string, number> = new Map([
  // Writing to strangers too often; Telegram lifts it after hours or days.
  ['PEER_FLOOD', 3_600_000],
  ['MSG_WAIT_FAILED', 5_000],
]);

const MEANING: Readonly<Record<string, string>> = {
  USER_IS_BLOCKED: 'the person has blocked this bot',
  YOU_BLOCKED_USER: 'this account has blocked the person',
  INPUT_USER_DEACTIVATED: 'the person has deleted their account',
  USER_DEACTIVATED: 'the person has deleted their account',
  USER_IS_BOT: 'bots cannot write to bots',
  PEER_ID_INVALID: 'this account knows no such chat, or the person never wrote to it',
  CHAT_WRITE_FORBIDDEN: 'this account may not write in this chat',
  CHAT_RESTRICTED: 'this account may not write in this chat',
  CHAT_ADMIN_REQUIRED: 'this account may not write in this chat',
  USER_BANNED_IN_CHANNEL: 'this account is banned in this chat',
  CHANNEL_PRIVATE: 'this account is not in this chat any more',
  CHANNEL_INVALID: 'this account is not in this chat any more',
  CHAT_ID_INVALID: 'this chat is gone',
  CHAT_FORBIDDEN: 'this account is not in this chat any more',
  TOPIC_CLOSED: 'the topic is closed',
  TOPIC_DELETED: 'the topic is gone',
  PRIVACY_PREMIUM_REQUIRED: 'the person takes messages of strangers from premium accounts only',
};

export function judgeRefusal({ code, word, waitMs }: Refusal): RefusalVerdict {
  const retry = (afterMs: number): RefusalVerdict => ({ kind: 'outcome', outcome: { kind: 'retry', afterMs, reason: word } });
  if (word === 'RANDOM_ID_DUPLICATE') return { kind: 'outcome', outcome: { kind: 'delivered' } };
  if (waitMs !== null) return retry(waitMs);
  const later = LATER.get(word);
  if (later !== undefined) return retry(later);
  const session = sessionFault({ code, word });
  if (session !== null) return { kind: 'session', reason: session };
  if (/^(REPLY_MESSAGE_ID_INVALID|REPLY_TO_INVALID|MESSAGE_ID_INVALID|MSG_ID_INVALID|REPLY_MESSAGES_TOO_MUCH)$/.test(word))
    return { kind: 'without-reply' };
  if (/^ENTIT(Y|IES)_|^ENTITY_/.test(word)) return { kind: 'without-markup' };
  if (/^(MEDIA_|PHOTO_|WEBPAGE_|EXTERNAL_URL_|IMAGE_|FILE_PART|FILE_PARTS|CHAT_SEND_(PHOTOS|MEDIA|DOCS)_FORBIDDEN)/.test(word))
    return { kind: 'without-media' };
  // Telegram's own trouble: nobody knows what became of it, and the same key may be sent again.
  if (code >= 500 || code < 0) return { kind: 'outcome', outcome: { kind: 'uncertain', reason: word } };
  if (code === 420 || code === 303) return retry(5_000);
  const meaning = MEANING[word];
  return {
    kind: 'outcome',
    outcome: { kind: 'refused', reason: meaning === undefined ? `Telegram refuses it: ${word}` : `${meaning} (${word})` },
  };
}

/** Why the session cannot be used any more, in words that say what to do; null when it is something else. */
export function sessionFault({ code, word }: { code: number; word: string }): string | null {
  if (word === 'AUTH_KEY_DUPLICATED') {
    return 'another program uses the same Telegram session, so Telegram has ended it: stop that program, then log in again (broca telegram login)';
  }
  if (code === 401 && word === 'SESSION_PASSWORD_NEEDED') return 'the login was not finished: log in again (broca telegram login)';
  if (word === 'USER_DEACTIVATED_BAN' || (code === 401 && word === 'USER_DEACTIVATED')) return 'Telegram has closed this account';
  if (/^ACCESS_TOKEN_(INVALID|EXPIRED)$/.test(word)) {
    return 'the bot token is not valid any more: put the one that @BotFather shows into TELEGRAM_BOT_TOKEN, or log in again (broca telegram login)';
  }
  if (/^API_ID_(INVALID|PUBLISHED_FLOOD)$/.test(word)) {
    return 'Telegram does not take the API id and hash: see https://my.telegram.org, then log in again (broca telegram login)';
  }
  if (/^(UPDATE_APP_TO_LOGIN|CONNECTION_LAYER_INVALID)$/.test(word)) {
    return `Telegram wants a newer library than this Broca has (${word}): see "The library" in docs/channels.md`;
  }
  if (code === 401 || /^(AUTH_KEY_|SESSION_)/.test(word))
    return `Telegram has ended this session (${word}): log in again (broca telegram login)`;
  return null;
}
