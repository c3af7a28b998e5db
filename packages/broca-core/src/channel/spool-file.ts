/** What a file in the spool's inbox may hold: `{"id","chat","sender":{"id","username"?,"displayName"?},"text","replyTo"?,"attachments"?:["name"]}`. */

import { failed, ok, type Result } from 'animus-protocol';
import * as v from 'valibot';
import type { Inbound } from '../message.ts';
import { describeIssues } from './describe-issues.ts';

/** Longest file taken, in bytes; the longest text Broca takes stays below it even when every character is escaped. */
export const LONGEST_SPOOL_FILE: number = 1024 * 1024;

/** So many files a message may ever bring (settings limits.attachments); more is no message. */
const MOST_NAMES = 100;

const text = v.string('must be a text in quotes');
const id = v.pipe(text, v.nonEmpty('must not be empty'));

const sender = { id, username: v.exactOptional(text), displayName: v.exactOptional(text) };
const names = v.pipe(v.array(id, 'must be a list of file names'), v.maxLength(MOST_NAMES, `must name at most ${MOST_NAMES} files`));

const spoolFile = v.object(
  {
    id,
    chat: id,
    sender: v.object(sender, 'must be an object: {"id": "…"}'),
    text,
    replyTo: v.exactOptional(text),
    attachments: v.exactOptional(names),
  },
  'must be an object: {"id", "chat", "sender", "text"}',
);

/** A message, and the names of the files that lie beside it and belong to it. */
export type SpoolMessage = { inbound: Inbound; files: string[] };

export type SpoolFault =
  /** It may be half written: worth another look. */
  { kind: 'not-json'; reason: string } | { kind: 'not-a-message'; reason: string };

/** Reads a file's bytes. `at` is when it was written. Keys it does not know are left alone: bridges may add their own. */
export function parseSpoolFile(bytes: Buffer, at: number): Result<SpoolMessage, SpoolFault> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    return failed({ kind: 'not-json', reason: `not JSON in UTF-8: ${(error as Error).message}` });
  }
  const parsed = v.safeParse(spoolFile, value);
  if (!parsed.success) {
    return failed({ kind: 'not-a-message', reason: describeIssues(parsed.issues, 'the file') });
  }
  const { id: externalId, attachments: files = [], ...message } = parsed.output;
  return ok({ inbound: { channel: 'spool', account: '', externalId, attachments: [], at: Math.max(0, at), ...message }, files });
}
