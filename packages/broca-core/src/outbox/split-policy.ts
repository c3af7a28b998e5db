/**
 * Cuts a text into parts a platform can take: at a paragraph, else a line, else a sentence or word,
 * else anywhere but inside a character. Nothing is lost but the white space at a cut.
 */

/** A cut earlier than this share of the part wastes too much of it: the next kind of place is tried. */
const EARLIEST_SHARE = 0.5;

const PLACES: readonly RegExp[] = [/\n{2,}/g, /\n/g, /(?<=[.!?…])\s+/g, /\s+/g];

export function splitText(text: string, longest: number | null): string[] {
  const parts: string[] = [];
  let rest = text.trim();
  while (longest !== null && rest.length > longest) {
    const cut = findCut(rest, longest);
    const part = rest.slice(0, cut).trimEnd();
    if (part !== '') parts.push(part);
    rest = rest.slice(cut).trimStart();
  }
  if (rest !== '') parts.push(rest);
  return parts;
}

function findCut(text: string, longest: number): number {
  const window = text.slice(0, longest + 1);
  for (const place of PLACES) {
    let cut = -1;
    for (const match of window.matchAll(place)) {
      if (match.index <= longest) cut = match.index;
    }
    if (cut >= longest * EARLIEST_SHARE) return cut;
  }
  return endOfCharacter(text, longest);
}

/** The last index at or before `index` (2 or more) that does not cut a surrogate pair. */
function endOfCharacter(text: string, index: number): number {
  const isCutInside = /[\uD800-\uDBFF]/.test(text.charAt(index - 1)) && /[\uDC00-\uDFFF]/.test(text.charAt(index));
  return isCutInside ? index - 1 : index;
}
