/** How the agent reads about a file: one line each, below the message. Pure. */
import type { Attachment, StoredAttachment } from '../message.ts';
import { isImage } from './type-policy.ts';

/** What became of an image, where it is not simply shown. */
export type ImageFate =
  | { kind: 'shown' }
  /** Settings say that no image is. */
  | { kind: 'hidden' }
  /** Its file is not there any more. */
  | { kind: 'gone' }
  /** Letta did not take the message with it. */
  | { kind: 'not-taken' }
  /** More than fits into one question. */
  | { kind: 'too-large' }
  | { kind: 'uploaded'; url: string }
  | { kind: 'upload-failed' };

const REMARKS: Readonly<Record<Exclude<ImageFate['kind'], 'uploaded'>, string>> = {
  shown: '',
  hidden: '',
  gone: ': the file is gone',
  'not-taken': ': it could not be shown to you',
  'too-large': ': too large to be shown to you',
  'upload-failed': ': its upload failed',
};

const LONGEST_NAME = 100;

/** `[Image Attachment: photo.png, image/png, 12 kB]`. */
export function attachmentLine(attachment: Attachment, fate: ImageFate = { kind: 'shown' }): string {
  const name = attachment.name === undefined ? 'a file' : shownName(attachment.name);
  if ('missed' in attachment) return `[Attachment: ${name}, not taken: ${plain(attachment.missed)}]`;
  const kind = isImage(attachment.type) ? 'Image Attachment' : 'Attachment';
  if (fate.kind === 'uploaded') return `[${kind}: ${fate.url}]`;
  return `[${kind}: ${name}, ${attachment.type}, ${shownSize(attachment)}${REMARKS[fate.kind]}]`;
}

/** The last part of a path, on one line and without the characters that give our lines their shape. */
export function shownName(name: string): string {
  const last = name.split(/[/\\]/).at(-1) ?? '';
  const shown = [...plain(last)].slice(0, LONGEST_NAME).join('');
  return shown === '' || /^\.+$/.test(shown) ? 'a file' : shown;
}

function plain(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ')
    .replace(/[[\],]/g, '_')
    .replace(/\s+/g, ' ')
    .trim();
}

function shownSize({ bytes }: StoredAttachment): string {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1_000_000 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
