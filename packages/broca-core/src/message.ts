/**
 * What flows through a Broca:
 *
 *     channel → Inbound → turn → TurnOutcome → Part → channel
 */

/** Where people talk: one chat of one account of one channel. Order is kept within it. */
export type ConversationKey = { channel: string; account: string; chat: string };

export type Sender = {
  /** The platform's own id of the person, the same for ever. */
  id: string;
  username?: string;
  displayName?: string;
};

/** A file that came with a message and is stored; made by `storeAttachment`. */
export type StoredAttachment = {
  /** Path of the stored file, relative to the agent's folder. Its content never changes. */
  path: string;
  /** MIME type found by looking at the content, never by its name. */
  type: string;
  bytes: number;
  /** As its sender calls it, fit to be shown; never a path. */
  name?: string;
};

/** A file that came with a message and was not taken, and why: the agent is told so. */
export type MissedAttachment = { missed: string; name?: string };

export type Attachment = StoredAttachment | MissedAttachment;

/** The content of a file: all of it, or as it comes. */
export type AttachmentSource = Uint8Array | AsyncIterable<Uint8Array>;

/** What became of storing a file. Hand the attachment over with its message. */
export type AttachmentReceipt =
  | { kind: 'stored'; attachment: StoredAttachment }
  /** It will never be taken (too large, empty). Its message may go on without it. */
  | { kind: 'refused'; reason: string; attachment: MissedAttachment }
  /** It could not be read or stored now (disk full). Keep the message and try both again. */
  | { kind: 'unavailable'; reason: string };

/** A message that came in. A channel makes it from what its platform sent; everything in it is hostile until parsed. */
export type Inbound = ConversationKey & {
  /** The platform's id of the message; with the conversation it names this message once and for ever. */
  externalId: string;
  sender: Sender;
  text: string;
  attachments: Attachment[];
  /** `externalId` of the message this one answers. */
  replyTo?: string;
  /** When it was written, by the platform's clock; ms since 1970. */
  at: number;
  /**
   * Rapid messages are one question: it waits so long for a next one, and joins the sender's last one of this
   * conversation that still waits. 0 or left out: asked at once, by itself.
   */
  joinWithinMs?: number;
};

/** What became of storing an inbound. Only `stored` and `duplicate` may be acknowledged to the platform as taken. */
export type Receipt =
  | { kind: 'stored'; turnId: number }
  /** It is stored already; nothing was changed. `turnId` is null once retention has removed the turn. */
  | { kind: 'duplicate'; turnId: number | null }
  /** It will never be taken (ignored sender, too long, queue full). The platform may be told so. */
  | { kind: 'refused'; reason: string }
  /** It could not be stored now (disk full). Keep it and hand it over again. */
  | { kind: 'unavailable'; reason: string };

/** One piece of a reply as its platform can take it. */
export type Part = ConversationKey & {
  turnId: number;
  /** 1-based position, and how many parts the reply has. */
  number: number;
  count: number;
  /** `externalId` of the message that is answered; null for a message nobody asked for. */
  inReplyTo: string | null;
  text: string;
  /** What the channel's `compose` made besides the text; null when it had no say. */
  form: string | null;
  /** Idempotency key, chosen before the first sending and the same on each later one: 63 random bits, decimal. */
  key: string;
  /** When it was first handed to the channel (ms since 1970); null before that. A platform's memory of keys is finite. */
  firstSentAt: number | null;
};

/** What became of handing a part over. Channels classify once, here, at the edge. */
export type DeliveryOutcome =
  | { kind: 'delivered'; platformId?: string }
  /** Not now; nothing reached the platform, or the same key may be sent again. */
  | { kind: 'retry'; afterMs: number; reason: string }
  /** Never: chat gone, blocked by the user. */
  | { kind: 'refused'; reason: string }
  /** The channel as a whole cannot send now. Its parts wait; they do not count a failure. */
  | { kind: 'down'; reason: string }
  /** No answer came: it may have arrived. Sent again with the same key where the channel is idempotent. */
  | { kind: 'uncertain'; reason: string };
