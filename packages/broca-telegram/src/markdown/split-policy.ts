/**
 * Cuts a formatted text into messages: at an empty line, else a line, else a sentence or a word, else anywhere but inside
 * a character; rather not in a block of code. An entity that is cut goes on in the next message. Nothing is lost but
 * the white space at a cut, and in code only its line break.
 */
import type { Entity } from '../telegram.ts';
import type { Formatted } from './formatted.ts';

/** Telegram's limits: UTF-16 units in a message (core.telegram.org/method/messages.sendMessage), and entities. */
export const LONGEST_MESSAGE = 4096;
export const MOST_ENTITIES = 100;

/** A cut earlier than this share of the message wastes too much of it: the next kind of place is tried. */
const EARLIEST_SHARE = 0.5;
/** To spare a block of code, more may be wasted. */
const EARLIEST_BEFORE_CODE = 0.25;

type Place = { pattern: RegExp; inCode: boolean };

const PLACES: readonly Place[] = [
  { pattern: /\n{2,}/g, inCode: false },
  { pattern: /\n/g, inCode: false },
  { pattern: /\n/g, inCode: true },
  { pattern: /(?<=[.!?…])\s+/g, inCode: true },
  { pattern: /\s+/g, inCode: true },
];

export function splitFormatted(whole: Formatted, longest: number = LONGEST_MESSAGE, most: number = MOST_ENTITIES): Formatted[] {
  const parts: Formatted[] = [];
  let rest = slice(whole, skipSpace(whole, 0), whole.text.length);
  while (rest.text.length > longest || rest.entities.length > most) {
    const cut = findCut(rest, longest, most);
    const code = codeAt(rest, cut);
    const end = code === null ? rest.text.slice(0, cut).trimEnd().length : cut;
    if (rest.text.slice(0, end).trim() !== '') parts.push(few(slice(rest, 0, end), most));
    rest = slice(rest, code === null ? skipSpace(rest, cut) : cut + (rest.text[cut] === '\n' ? 1 : 0), rest.text.length);
  }
  const last = slice(rest, 0, rest.text.trimEnd().length);
  if (last.text !== '') parts.push(few(last, most));
  return parts;
}

/** So many on one character only a machine writes. */
function few({ text, entities }: Formatted, most: number): Formatted {
  return { text, entities: entities.slice(0, most) };
}

/** The entities of a stretch, as they stand in it. */
export function slice({ text, entities }: Formatted, from: number, to: number): Formatted {
  const inside = entities.flatMap((entity): Entity[] => {
    const start = Math.max(entity.offset, from);
    const end = Math.min(entity.offset + entity.length, to);
    return end > start ? [{ ...entity, offset: start - from, length: end - start }] : [];
  });
  return { text: text.slice(from, to), entities: inside };
}

function findCut(whole: Formatted, longest: number, most: number): number {
  const { text, entities } = whole;
  const tooMany = entities[most]?.offset ?? Number.POSITIVE_INFINITY;
  const limit = Math.max(1, Math.min(longest, tooMany, text.length - 1));
  const window = text.slice(0, limit + 1);
  const earliest = codeAt(whole, limit) === null ? EARLIEST_SHARE : EARLIEST_BEFORE_CODE;
  for (const { pattern, inCode } of PLACES) {
    let cut = -1;
    for (const { index } of window.matchAll(pattern)) {
      if (index > 0 && index <= limit && (inCode || codeAt(whole, index) === null)) cut = index;
    }
    if (cut >= limit * (inCode ? EARLIEST_SHARE : earliest)) return cut;
  }
  return endOfCharacter(text, limit);
}

/** The block of code that a cut here would be in the middle of. */
function codeAt({ entities }: Formatted, index: number): Entity | null {
  return entities.find(({ type, offset, length }) => type === 'pre' && offset < index && index < offset + length) ?? null;
}

function skipSpace({ text }: Formatted, index: number): number {
  return index + (/^\s*/.exec(text.slice(index))?.[0].length ?? 0);
}

/** The last index at or before `index` that does not cut a surrogate pair; at least one character is taken. */
function endOfCharacter(text: string, index: number): number {
  const isCutInside = /[\uD800-\uDBFF]/.test(text.charAt(index - 1)) && /[\uDC00-\uDFFF]/.test(text.charAt(index));
  if (!isCutInside) return index;
  return index > 1 ? index - 1 : index + 1;
}
