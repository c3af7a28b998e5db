/** How far each mailbox was read, as it is written down in the channel's state. */
import type { ChannelState } from 'broca-core';
import type { MailboxState, ReceivedMessage } from '../telegram.ts';

/** The account's own mailbox; those of channels are named by their chat behind the colon. */
export const PLACE = 'place';
export const CHANNEL_PLACE = 'place:';
/** The newest message that is stored. */
export const NEWEST = 'newest';
export const CHANNEL_NEWEST = 'newest:';

/** `at`: when the last thing that is stored was written or changed, s since 1970; null where an earlier version did not note it. */
export type Newest = { id: number; at: number | null };

export function readNewest(text: string | null): Newest | null {
  const found = /^(\d+)(?: (\d+))?$/.exec(text ?? '');
  if (found === null) return null;
  return { id: Number(found[1]), at: found[2] === undefined ? null : Number(found[2]) };
}

export function writeNewest({ id, at }: Newest): string {
  return at === null ? String(id) : `${id} ${at}`;
}

export function newer(former: Newest | undefined, { id, at, editedAt }: Pick<ReceivedMessage, 'id' | 'at' | 'editedAt'>): Newest {
  const touchedAt = Math.floor(Math.max(at, editedAt ?? 0) / 1000);
  return { id: Math.max(former?.id ?? 0, id), at: Math.max(former?.at ?? 0, touchedAt) };
}

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
