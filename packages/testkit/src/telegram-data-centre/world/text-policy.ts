/**
 * What the service makes of a text with entities: refuses what reaches out of the text or cuts a character in two, trims,
 * and drops what cannot be shown. All places in UTF-16 units.
 */
import type { Entity } from './model.ts';

/** Of a message; of a caption see `CAPTION_LIMIT`. */
export const TEXT_LIMIT = 4096;
export const CAPTION_LIMIT = 1024;
/** Of entities, more are dropped without a word. */
export const ENTITY_LIMIT = 100;

export type AcceptedText = { kind: 'accepted'; text: string; entities: Entity[] } | { kind: 'refused'; error: string };

export function acceptText(text: string, entities: readonly Entity[], limit: number, isEmptyAllowed: boolean): AcceptedText {
  if (entities.some((entity) => !isWithin(text, entity))) return { kind: 'refused', error: 'ENTITY_BOUNDS_INVALID' };
  if (text.length > limit) return { kind: 'refused', error: limit === CAPTION_LIMIT ? 'MEDIA_CAPTION_TOO_LONG' : 'MESSAGE_TOO_LONG' };
  const start = text.length - text.trimStart().length;
  const trimmed = text.trim();
  if (trimmed === '' && !isEmptyAllowed) return { kind: 'refused', error: 'MESSAGE_EMPTY' };
  const kept = entities
    .map((entity) => shift(entity, start, trimmed.length))
    .filter(({ length }) => length > 0)
    .slice(0, ENTITY_LIMIT);
  return { kind: 'accepted', text: trimmed, entities: kept.filter((entity) => !isHiddenByCode(entity, kept)) };
}

function isWithin(text: string, { offset, length }: Entity): boolean {
  const end = offset + length;
  return offset >= 0 && length > 0 && end <= text.length && !cutsCharacter(text, offset) && !cutsCharacter(text, end);
}

/** Between the two halves of a surrogate pair. */
function cutsCharacter(text: string, at: number): boolean {
  return /[\uD800-\uDBFF]/.test(text.charAt(at - 1)) && /[\uDC00-\uDFFF]/.test(text.charAt(at));
}

function shift(entity: Entity, start: number, length: number): Entity {
  const from = Math.min(Math.max(entity.offset - start, 0), length);
  const to = Math.min(Math.max(entity.offset + entity.length - start, 0), length);
  return { ...entity, offset: from, length: to - from };
}

/** Code shows nothing but itself; a quote around it may stay. */
function isHiddenByCode(entity: Entity, all: readonly Entity[]): boolean {
  const isCode = ({ kind }: Entity): boolean => kind === 'Pre' || kind === 'Code';
  if (entity.kind === 'Blockquote') return false;
  return all.some(
    (other) =>
      other !== entity && isCode(other) && overlaps(entity, other) && !(isCode(entity) && all.indexOf(entity) < all.indexOf(other)),
  );
}

function overlaps(a: Entity, b: Entity): boolean {
  return a.offset < b.offset + b.length && b.offset < a.offset + a.length;
}
