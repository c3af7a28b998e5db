/** A reply of the agent → the messages it becomes, each with what is needed to send it. */
import type { ComposedPart } from 'broca-core';
import * as v from 'valibot';
import type { ParseMode } from '../settings.ts';
import type { Entity } from '../telegram.ts';
import type { Formatted } from './formatted.ts';
import { readHtml } from './from-html.ts';
import { readMarkdown, type Segment } from './from-markdown.ts';
import { readMarkdownV2 } from './from-markdown-v2.ts';
import { splitFormatted } from './split-policy.ts';

/** What is kept with a part besides its text. */
export type Form =
  | { kind: 'text'; entities: Entity[] }
  /** `href`: an address, `data:…`, or a stored file of the agent's. The part's text is its caption. */
  | { kind: 'image'; href: string }
  /** The text goes as a file. */
  | { kind: 'file'; name: string };

export type ComposeRules = { parseMode: ParseMode; fileAbove: number | null };

/** A caption may have so many UTF-16 units. */
export const LONGEST_CAPTION = 1024;

export function compose(text: string, { parseMode, fileAbove }: ComposeRules): ComposedPart[] {
  if (text.trim() === '') return [];
  if (fileAbove !== null && text.length > fileAbove) {
    return [part(text, { kind: 'file', name: parseMode === 'plain' ? 'reply.txt' : parseMode === 'html' ? 'reply.html' : 'reply.md' })];
  }
  return read(text, parseMode).flatMap((segment) => {
    if (segment.kind === 'image') return [part(segment.caption, { kind: 'image', href: segment.href })];
    return splitFormatted(segment.formatted).map(({ text: piece, entities }) => part(piece, { kind: 'text', entities }));
  });
}

function read(text: string, parseMode: ParseMode): Segment[] {
  switch (parseMode) {
    case 'markdown':
      return images(readMarkdown(text));
    case 'markdownv2': {
      // Models forget the many characters that it wants escaped; then it is ordinary Markdown.
      const formatted = readMarkdownV2(text);
      return formatted === null ? images(readMarkdown(text)) : [{ kind: 'text', formatted }];
    }
    case 'html':
      return [{ kind: 'text', formatted: readHtml(text) ?? plain(text) }];
    case 'plain':
      return [{ kind: 'text', formatted: plain(text) }];
  }
}

function plain(text: string): Formatted {
  return { text, entities: [] };
}

/** Of images only those are sent as such that there is something to send of; of others the address is. */
function images(segments: readonly Segment[]): Segment[] {
  return segments.map((segment) => {
    if (segment.kind === 'text' || isSendable(segment.href)) return segment;
    return { kind: 'text', formatted: plain(segment.caption === '' ? segment.href : `${segment.caption} (${segment.href})`) };
  });
}

function isSendable(href: string): boolean {
  return /^https?:\/\/[^\s/]/i.test(href) || dataImage(href) !== null || isStoredFile(href);
}

/** A file that came in with a message, as the agent reads its path; nothing else of the agent's folder is sent. */
export function isStoredFile(href: string): boolean {
  return /^attachments\/[\w][\w.-]*(\/[\w][\w.-]*)*$/.test(href) && !href.includes('..');
}

/** The bytes of `data:image/png;base64,…`; null when it is no such address. */
export function dataImage(href: string): { type: string; bytes: Uint8Array } | null {
  const match = /^data:(image\/[\w.+-]+);base64,([A-Za-z0-9+/=\s]+)$/.exec(href);
  const [, type, data] = match ?? [];
  return type === undefined || data === undefined ? null : { type, bytes: Buffer.from(data, 'base64') };
}

const entity = v.object({
  type: v.picklist([
    'bold',
    'italic',
    'underline',
    'strike',
    'spoiler',
    'code',
    'pre',
    'link',
    'quote',
    'mention',
    'mention-name',
    'command',
  ]),
  offset: v.number(),
  length: v.number(),
  url: v.exactOptional(v.string()),
  language: v.exactOptional(v.string()),
  user: v.exactOptional(v.string()),
  isFolded: v.exactOptional(v.boolean()),
});

const form = v.variant('kind', [
  v.object({ kind: v.literal('text'), entities: v.array(entity) }),
  v.object({ kind: v.literal('image'), href: v.string() }),
  v.object({ kind: v.literal('file'), name: v.string() }),
]);

function part(text: string, made: Form): ComposedPart {
  return { text, form: JSON.stringify(made) };
}

/** The form of a stored part. One that was stored while this channel was not there is made now; what does not fit goes as a file. */
export function readForm(text: string, stored: string | null, rules: ComposeRules): { text: string; form: Form } {
  const parsed = stored === null ? null : v.safeParse(v.pipe(v.string(), v.parseJson(), form), stored);
  if (parsed?.success === true) return { text, form: parsed.output };
  const [only, ...more] = compose(text, rules);
  if (only === undefined || more.length > 0 || only.form === null) return { text, form: { kind: 'file', name: 'reply.txt' } };
  return readForm(only.text, only.form, rules);
}
