/** A turn as the queue hands it to the turn loop, and as decisions send it back. */
import type { ConversationKey } from '../message.ts';
import type { Attempt } from '../turn/letta.ts';

export type Turn = ConversationKey & {
  id: number;
  conversationId: number;
  /** Null for a turn nobody asked for. */
  person: TurnPerson | null;
  /** `externalId` of the newest message in it, which the reply answers. */
  inReplyTo: string;
  text: string;
  /** Attempts that Letta answered with failure. */
  failures: number;
  /** Since when nothing could be asked at all; null when the last try reached Letta. */
  unavailableSince: number | null;
  createdAt: number;
};

export type TurnPerson = {
  userId: number;
  senderId: string;
  username: string | null;
  displayName: string | null;
  identityId: string | null;
  blockId: string | null;
};

/** A turn with the attempt that left and whose end is not recorded. */
export type RunningTurn = { turn: Turn; attempt: Attempt };

export type SettledAs = 'answered' | 'silent' | 'refused' | 'stored' | 'echoed' | 'flushed';
