/**
 * What of a turn's files goes to the agent: a line of text for each, and the images themselves where they
 * are there and Letta takes them. Made anew for each attempt, and frozen with it.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageRules } from 'animus-protocol';
import { attachmentLine, type ImageFate } from '../attachments/lines-policy.ts';
import { isStored } from '../attachments/parse.ts';
import { isImage } from '../attachments/type-policy.ts';
import type { StoredAttachment } from '../message.ts';
import type { Turn } from '../queue/turn.ts';

/** What the agent reads and is shown. */
export type Prompt = { text: string; images: StoredAttachment[] };

export type TurnFiles = {
  /** `text` with the lines of the turn's files below it. */
  write(turn: Pick<Turn, 'attachments' | 'withoutImages'>, text: string, signal: AbortSignal): Promise<Prompt>;
};

/** All images of a question together: a request is held in memory several times over while it is sent. */
const SHOWN_BYTES = 20 * 1024 * 1024;
/** Images whose upload is remembered, so that a turn that is asked again does not upload them again. */
const MOST_REMEMBERED = 200;

export function createTurnFiles(folder: string, rules: () => ImageRules): TurnFiles {
  const uploaded = new Map<string, ImageFate>();

  const upload = async (image: StoredAttachment, url: string, signal: AbortSignal): Promise<ImageFate> => {
    const known = uploaded.get(image.path);
    if (known !== undefined) return known;
    const { uploadImage } = await import('../attachments/upload.ts');
    const link = await uploadImage(folder, image, url, signal);
    const fate: ImageFate = link.ok ? { kind: 'uploaded', url: link.value } : { kind: 'upload-failed' };
    if (uploaded.size >= MOST_REMEMBERED) uploaded.clear();
    uploaded.set(image.path, fate);
    return fate;
  };

  return {
    async write({ attachments, withoutImages }, text, signal) {
      const { areShown, areUploaded, uploadUrl } = rules();
      const lines: string[] = [];
      const images: StoredAttachment[] = [];
      let room = SHOWN_BYTES;
      for (const attachment of attachments) {
        let fate: ImageFate = { kind: 'shown' };
        if (isStored(attachment) && isImage(attachment.type)) {
          if (!isThere(folder, attachment)) fate = { kind: 'gone' };
          else if (areUploaded && uploadUrl !== null) fate = await upload(attachment, uploadUrl, signal);
          else if (withoutImages) fate = { kind: 'not-taken' };
          else if (!areShown) fate = { kind: 'hidden' };
          else if (attachment.bytes > room) fate = { kind: 'too-large' };
          else if (images.every(({ path }) => path !== attachment.path)) {
            images.push(attachment);
            room -= attachment.bytes;
          }
        }
        lines.push(attachmentLine(attachment, fate));
      }
      return { text: withLines(text, lines), images };
    },
  };
}

export function withLines(text: string, lines: readonly string[]): string {
  return lines.length === 0 ? text : [text.trimEnd(), ...lines].join('\n');
}

function isThere(folder: string, { path, bytes }: StoredAttachment): boolean {
  const stats = statSync(join(folder, path), { throwIfNoEntry: false });
  return stats?.isFile() === true && stats.size === bytes;
}
