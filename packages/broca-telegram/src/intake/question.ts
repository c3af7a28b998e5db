/** A message that the agent is to read, as it waits for its file, its album or what it answers. */
import type { Inbound, Sender } from 'broca-core';
import * as v from 'valibot';
import type { ReceivedMessage } from '../telegram.ts';
import { writeInbound } from './inbound-policy.ts';

export type Question = {
  message: ReceivedMessage;
  isEdit: boolean;
  sender: Sender;
  /** Title of its group; null in a private chat. */
  group: string | null;
  /** Who wrote it first, of a forwarded one; `who` is null when that was the agent. */
  forward: { who: string | null } | null;
};

export type Reply = { who: string | null; text: string };

const WAIT = 'wait:';

const nullish = v.nullable(v.string());
const stored = v.object({
  message: v.object({
    id: v.number(),
    chat: v.string(),
    from: nullish,
    isOut: v.boolean(),
    isService: v.boolean(),
    text: v.string(),
    entities: v.array(v.any()),
    file: v.nullable(
      v.object({
        kind: v.picklist(['photo', 'document']),
        id: v.string(),
        hash: v.string(),
        reference: v.string(),
        dc: v.number(),
        size: v.string(),
        bytes: v.number(),
        name: v.exactOptional(v.string()),
      }),
    ),
    extra: nullish,
    album: nullish,
    replyTo: v.nullable(v.object({ id: v.number(), quote: nullish })),
    forward: v.optional(v.nullable(v.object({ from: nullish, name: nullish })), null),
    isMentioned: v.boolean(),
    at: v.number(),
    editedAt: v.nullable(v.number()),
  }),
  isEdit: v.boolean(),
  sender: v.object({ id: v.string(), username: v.exactOptional(v.string()), displayName: v.exactOptional(v.string()) }),
  group: nullish,
  // Questions that an earlier version left waiting do not say.
  forward: v.optional(v.nullable(v.object({ who: nullish })), null),
});

/** Its key in the channel's state: in the order of a chat's messages. */
export function waitKey({ message, isEdit }: Question): string {
  return `${WAIT}${message.chat}:${String(message.id).padStart(10, '0')}${isEdit ? `e${message.editedAt}` : ''}`;
}

export function writeQuestion(question: Question): string {
  return JSON.stringify(question);
}

/** What waits; what cannot be read is left out. */
export function readWaiting(list: (prefix: string) => [string, string][]): Question[] {
  return list(WAIT).flatMap(([, text]) => {
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), stored), text);
    return parsed.success ? [parsed.output] : [];
  });
}

/** Whether more must be fetched before the agent can read it. */
export function isIncomplete({ message }: Question): boolean {
  return message.file !== null || message.album !== null || (message.replyTo !== null && message.replyTo.quote === null);
}

/** One message, or an album: what goes to Broca. */
export function toInbound(
  questions: readonly [Question, ...Question[]],
  found: { account: string; reply: Reply | null; attachments: Inbound['attachments']; joinWithinMs: number },
): Inbound {
  const [first] = questions;
  const { message } = first;
  const text = questions
    .map((one) => one.message.text)
    .filter((words) => words.trim() !== '')
    .join('\n');
  return {
    channel: 'telegram',
    account: found.account,
    chat: message.chat,
    externalId: first.isEdit ? `${message.id}e${message.editedAt}` : String(message.id),
    sender: first.sender,
    text: writeInbound({
      text,
      extra: message.extra,
      group: first.group,
      isEdit: first.isEdit,
      forward: first.forward,
      reply: found.reply,
    }),
    attachments: found.attachments,
    at: first.isEdit ? (message.editedAt ?? message.at) : message.at,
    joinWithinMs: found.joinWithinMs,
    ...(message.replyTo === null ? {} : { replyTo: String(message.replyTo.id) }),
  };
}

/** The reply's source as far as the message itself shows it. */
export function quotedReply({ message }: Question, isOurs: boolean): Reply | null {
  const quote = message.replyTo?.quote ?? null;
  return quote === null ? null : { who: isOurs ? null : 'somebody', text: quote };
}
