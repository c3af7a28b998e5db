/** What a channel plugin may import. */
export type {
  Channel,
  ChannelCapabilities,
  ChannelCommand,
  ChannelCommandContext,
  ChannelCommandLine,
  ChannelCommandTools,
  ChannelContext,
  ChannelLog,
  ChannelPlugin,
  ChannelState,
  CommandTerminal,
  ComposedPart,
  StateChanges,
} from './channel/channel.ts';
export type {
  Attachment,
  AttachmentReceipt,
  AttachmentSource,
  ConversationKey,
  DeliveryOutcome,
  Inbound,
  MissedAttachment,
  Part,
  Receipt,
  Sender,
  StoredAttachment,
} from './message.ts';
export type { StandardResult, StandardSchemaV1 } from './standard-schema.ts';
export type { Attempt, AttemptNews, AttemptOutcome, Letta, LettaCheck, LettaPerson, LettaReply, Settlement } from './turn/letta.ts';
