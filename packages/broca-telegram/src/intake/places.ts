/** How far each mailbox was read, as it is written down in the channel's state. */
import type { ChannelState } from 'broca-core';
import type { MailboxState } from '../telegram.ts';

/** The account's own mailbox; those of channels are named by their chat behind the colon. */
export const PLACE = 'place';
export const CHANNEL_PLACE = 'place:';
/** Id of the newest message that is stored. */
export const NEWEST = 'newest';
export const CHANNEL_NEWEST = 'newest:';

/** Null when nothing was written down, or not by us. */
export function readPlace(text: string | null): MailboxState | null {
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return null;
    const [pts, qts, date] = ['pts', 'qts', 'date'].map((key): unknown => Reflect.get(value, key));
    return typeof pts === 'number' && typeof qts === 'number' && typeof date === 'number' ? { pts, qts, date } : null;
  } catch {
    return null;
  }
}

/** Everything that was written down about mailboxes: gone when the account is another one. */
export function forgetMailboxes(state: ChannelState): Record<string, null> {
  const ofChannels = [CHANNEL_PLACE, CHANNEL_NEWEST].flatMap((prefix) => state.list(prefix).map(([key]) => key));
  return Object.fromEntries([PLACE, NEWEST, ...ofChannels].map((key) => [key, null]));
}

/** Where a new login begins to read. */
export function beginMailbox(state: MailboxState): Record<string, string> {
  return { [PLACE]: JSON.stringify(state) };
}
