/** Decides whether a message is taken. Pure: what it must know of the database is handed in. */
import type { Inbound } from '../message.ts';

/** Longest text taken, in UTF-16 units: four times what Telegram can send, well below what a model reads. */
export const LONGEST_TEXT = 100_000;
/** Platform ids are short; a longer one is an attack or a bug, and it would go into indexes. */
export const LONGEST_ID = 512;

export type Admission = { kind: 'admitted' } | { kind: 'refused'; reason: string };

export type SenderStanding = { isIgnored: boolean; isActive: boolean };

export function admit(inbound: Inbound, sender: SenderStanding): Admission {
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
  if (inbound.text.length > LONGEST_TEXT) return refused(`the message is longer than ${LONGEST_TEXT} characters: send it in parts`);
  return { kind: 'admitted' };
}

function refused(reason: string): Admission {
  return { kind: 'refused', reason };
}

/** Stands for all channels in the ignore list. */
export const EVERY_CHANNEL = '*';

/** The two ways a person may stand on the ignore list: by id, or by `@username` in lower case. */
export function ignoreKeys(sender: { id: string; username?: string }): string[] {
  return sender.username === undefined || sender.username === '' ? [sender.id] : [sender.id, `@${sender.username.toLowerCase()}`];
}
