/** Decides whether a message is taken. Pure: what it must know of the database is handed in. */
import type { MessageLimits } from 'animus-protocol';
import type { Inbound } from '../message.ts';

/** Platform ids are short; a longer one is an attack or a bug, and it would go into indexes. */
export const LONGEST_ID = 512;

export type Admission = { kind: 'admitted' } | { kind: 'refused'; reason: string };

export type SenderStanding = {
  isIgnored: boolean;
  isActive: boolean;
  /** Their turns that are not settled, and those of all. */
  waiting: number;
  waitingOfAll: number;
};

/** The reason is for the sender: words of a chat, and what to do. */
export function admit(inbound: Inbound, sender: SenderStanding, limits: MessageLimits): Admission {
  if (sender.isIgnored) return refused('the sender is on the ignore list');
  if (!sender.isActive) return refused('the sender is deactivated');
  for (const [name, id] of [
    ['account', inbound.account],
    ['chat', inbound.chat],
    ['externalId', inbound.externalId],
    ['sender.id', inbound.sender.id],
  ] as const) {
    if (id === '' && name !== 'account') return refused(`${name} is empty`);
    if (id.length > LONGEST_ID) return refused(`${name} is longer than ${LONGEST_ID} characters`);
  }
  if (inbound.text.trim() === '' && inbound.attachments.length === 0) return refused('the message is empty');
  if (inbound.text.length > limits.messageLength) {
    return refused(`the message is longer than ${limits.messageLength} characters: send it in parts`);
  }
  if (inbound.attachments.length > limits.attachments) {
    return refused(limits.attachments === 0 ? 'no files are taken' : `more than ${limits.attachments} files in one message: send fewer`);
  }
  if (inbound.attachments.some((one) => 'bytes' in one && one.bytes > limits.attachmentBytes)) {
    return refused(`a file is larger than ${Math.floor(limits.attachmentBytes / MEGABYTE)} MB: send a smaller one`);
  }
  if (sender.waiting >= limits.waitingPerSender) {
    return refused(`${sender.waiting} messages of this sender wait for an answer already: send it again once some are answered`);
  }
  if (sender.waitingOfAll >= limits.waiting) {
    return refused('too many messages wait for an answer already: send it again later');
  }
  return { kind: 'admitted' };
}

/** What lies here was never taken by anybody: no platform keeps it and offers it again. */
const OFFERED_ONCE: readonly string[] = ['console', 'spool'];

/**
 * After a restore: whether the database that is gone may have answered this message, which a platform offers again.
 * `restoredUntil` is when that one was last seen alive (ms); null where nothing was restored.
 */
export function mayBeAnswered(inbound: Pick<Inbound, 'channel' | 'at'>, restoredUntil: number | null): boolean {
  return restoredUntil !== null && inbound.at <= restoredUntil && !OFFERED_ONCE.includes(inbound.channel);
}

const MEGABYTE = 1024 * 1024;

function refused(reason: string): Admission {
  return { kind: 'refused', reason };
}

/** Stands for all channels in the ignore list. */
export const EVERY_CHANNEL = '*';

/** The two ways a person may stand on the ignore list: by id, or by `@username` in lower case. */
export function ignoreKeys(sender: { id: string; username?: string }): [string, string?] {
  return sender.username === undefined || sender.username === '' ? [sender.id] : [sender.id, `@${sender.username.toLowerCase()}`];
}
