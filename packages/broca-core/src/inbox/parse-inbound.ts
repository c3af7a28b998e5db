/** Plugins may be plain JavaScript: what they hand over is parsed before it is believed. */

import { failed, ok, type Result } from 'animus-protocol';
import * as v from 'valibot';
import { attachmentSchema } from '../attachments/parse.ts';
import type { Inbound, Sender } from '../message.ts';

/** Lone surrogates cannot be stored as UTF-8 nor sent as JSON everywhere: they become U+FFFD. */
const text = v.pipe(
  v.string(),
  v.transform((value) => value.toWellFormed()),
);

const sender = v.object({ id: text, username: v.exactOptional(text), displayName: v.exactOptional(text) });
const inbound = v.object({
  channel: text,
  account: text,
  chat: text,
  externalId: text,
  sender,
  text,
  attachments: v.array(attachmentSchema),
  replyTo: v.exactOptional(text),
  at: v.pipe(v.number(), v.finite(), v.minValue(0)),
  joinWithinMs: v.exactOptional(v.pipe(v.number(), v.minValue(0), v.maxValue(60_000))),
});

export function parseInbound(value: unknown): Result<Inbound, string> {
  const parsed = v.safeParse(inbound, value);
  return parsed.success ? ok(parsed.output) : failed(v.summarize(parsed.issues));
}

/** A throw is the fault of whoever handed it over. */
export function parseSender(value: unknown): Sender {
  return v.parse(sender, value);
}
