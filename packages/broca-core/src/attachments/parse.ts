/** Attachments as plugins hand them over and as the database keeps them: parsed before they are believed. */

import * as v from 'valibot';
import type { Attachment, StoredAttachment } from '../message.ts';

export const ATTACHMENTS_FOLDER = 'attachments';

/** Where storing puts a file; nothing else under the agent's folder is an attachment, its `.env` least of all. */
export const ATTACHMENT_PATH: RegExp = /^attachments\/[0-9a-f]{2}\/[0-9a-f]{64}\.[a-z0-9]{1,8}$/;

const text = v.pipe(
  v.string(),
  v.transform((value) => value.toWellFormed()),
);
const name = v.exactOptional(text);

export const attachmentSchema: v.GenericSchema<unknown, Attachment> = v.union(
  [
    v.object({
      path: v.pipe(v.string(), v.regex(ATTACHMENT_PATH)),
      type: v.pipe(v.string(), v.regex(/^[a-z]+\/[\w.+-]+$/)),
      bytes: v.pipe(v.number(), v.integer(), v.minValue(0)),
      name,
    }),
    v.object({ missed: text, name }),
  ],
  'must be what storeAttachment gave, or { missed: why } for a file that was not taken',
);

const stored = v.array(attachmentSchema);

/** A column of the database. What cannot be read there is a fault of ours, or of a hand in the database. */
export function readAttachments(column: string): Attachment[] {
  if (column === '[]') return [];
  return v.parse(stored, JSON.parse(column));
}

/** Several columns, as a JSON array of their texts. */
export function readAttachmentColumns(columns: string): Attachment[] {
  if (columns === '[]') return [];
  return v.parse(v.array(v.string()), JSON.parse(columns)).flatMap(readAttachments);
}

export function isStored(attachment: Attachment): attachment is StoredAttachment {
  return 'path' in attachment;
}
