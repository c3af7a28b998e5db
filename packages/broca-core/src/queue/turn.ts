/** A turn as the queue hands it to the turn loop, and as decisions send it back. */
import type { Attachment, ConversationKey } from '../message.ts';
import type { Attempt } from '../turn/letta.ts';

export type Turn = ConversationKey & {
  id: number;
  conversationId: number;
  /** Null for a turn nobody asked for. */
  person: TurnPerson | null;
  /** `externalId` of the newest message in it, which the reply answers. */
  inReplyTo: string;
  text: string;
  /** Files of all its messages, in order. */
  attachments: Attachment[];
  /** Letta did not take it with its images: it is asked without them. */
  withoutImages: boolean;
  /** Attempts that Letta answered with failure. */
  failures: number;
  /** Since when nothing could be asked at all; null when the last try reached Letta. */
  unavailableSince: number | null;
  /** Crashes of Broca in a row while it had this turn in hand, without progress between them. */
  crashes: number;
  dueAt: number;
  createdAt: number;
};

/** Turns of which channels. */
export type TurnChoice = 'all' | 'none' | { only: readonly string[] } | { except: readonly string[] };

export type TurnPerson = {
  userId: number;
  /** When the user was first seen (ms). */
  knownSince: number;
  senderId: string;
  username: string | null;
  displayName: string | null;
  identityId: string | null;
  blockId: string | null;
};

/** A turn with the attempt that left and whose end is not recorded. */
export type RunningTurn = { turn: Turn; attempt: Attempt };

export type SettledAs = 'answered' | 'silent' | 'refused' | 'stored' | 'echoed' | 'flushed' | 'unprompted';
