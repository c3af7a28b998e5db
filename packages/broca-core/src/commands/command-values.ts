/** What Broca's commands give back: plain JSON, instants as ISO 8601 in UTC. `--json` prints them as they are. */
import type { Attachment } from '../message.ts';

export type ConversationName = { channel: string; account: string; chat: string };

export type TurnState = 'queued' | 'waiting' | 'running' | 'settled' | 'parked';
export type PartState = 'queued' | 'waiting' | 'sending' | 'sent' | 'refused' | 'uncertain';

export type QueuedTurn = ConversationName & {
  id: number;
  state: TurnState;
  outcome: string | null;
  reason: string | null;
  /** `@username`, name or id of the sender; null for a turn nobody asked for. */
  sender: string | null;
  text: string;
  failures: number;
  /** How many times in a row Broca ended while it had the turn in hand, or a part of its reply. */
  crashes: number;
  partCrashes: number;
  createdAt: string;
  dueAt: string;
  settledAt: string | null;
  /** Parts of its reply that are not handed over yet, and those that may or may not have been. */
  unsent: number;
  uncertain: number;
};

export type QueueStats = {
  turns: Record<TurnState, number>;
  outcomes: Record<string, number>;
  parts: Record<PartState, number>;
  /** Since when the oldest unsettled turn is there. */
  oldestOpenAt: string | null;
};

export type ShownPart = {
  number: number;
  count: number;
  text: string;
  state: PartState;
  reason: string | null;
  createdAt: string;
  firstSentAt: string | null;
  settledAt: string | null;
  platformId: string | null;
};

export type ShownTurn = QueuedTurn & {
  inbounds: {
    externalId: string;
    text: string;
    attachments: Attachment[];
    replyTo: string | null;
    writtenAt: string;
    receivedAt: string;
  }[];
  attempts: {
    number: number;
    endpoint: string;
    agentId: string;
    runId: string | null;
    sentAt: string;
    progressAt: string | null;
    overAt: string | null;
    outcome: string | null;
    reason: string | null;
  }[];
  parts: ShownPart[];
};

export type FlushResult = { flushed: number; stillRunning: number };
export type RetryResult = { id: number; state: 'waiting' | 'queued' };
/** `parts`: how many of its reply were in doubt and count as `outcome` says now. */
export type SettleResult = { id: number; outcome: 'answered' | 'refused'; parts: number };
export type DeleteResult = { id: number };

export type ShownUser = {
  id: number;
  isActive: boolean;
  profiles: { channel: string; senderId: string; username: string | null; displayName: string | null }[];
  turns: number;
  createdAt: string;
  lastActiveAt: string;
};
export type ShownUserDetail = ShownUser & { identityId: string | null; blockId: string | null };

export type ShownConversation = ConversationName & { id: number; turns: number; open: number; createdAt: string; lastAt: string | null };

export type ShownMessage = {
  turn: number;
  at: string;
  from: 'person' | 'agent';
  sender: string | null;
  text: string;
  attachments: Attachment[];
  /** State of the turn for what a person wrote, of the part for what the agent answered. */
  state: string;
};
export type ShownConversationDetail = ShownConversation & { messages: ShownMessage[] };

export type ShownIgnore = { channel: string; sender: string; createdAt: string };
export type IgnoreResult = { channel: string; sender: string; changed: boolean };

export type ShownSettings = { settings: Record<string, { value: unknown; origin: string }>; problems: string[] };
export type SettingsVerdict = { ok: boolean; problems: { severity: string; text: string }[] };
/** `errors`: why the files as a whole still cannot be used (`isUsable` false), so that nobody applies them. */
export type SettingSet = {
  key: string;
  before: unknown;
  value: unknown;
  warnings: string[];
  errors: string[];
  isUsable: boolean;
  isApplied: boolean;
};

export type OutboundResult = ConversationName & {
  /** Null: it was only tried out. */
  turnId: number | null;
  /** The key was used before, for this very message; nothing new was stored. */
  isRepeat: boolean;
  /** Each part is handed over or given up. */
  isOver: boolean;
  /** Nobody spoke in this chat yet. Told when it is tried out. */
  isNewConversation: boolean;
  parts: { number: number; count: number; text: string; state: PartState | 'planned'; reason: string | null }[];
};

export type ConsoleReply = {
  /** Null once the turn was removed after it was answered. */
  turnId: number | null;
  /** Whether the turn is settled or parked and each of its parts is handed over or given up. */
  isOver: boolean;
  state: TurnState | null;
  outcome: string | null;
  reason: string | null;
  parts: { number: number; count: number; text: string; state: PartState }[];
};
