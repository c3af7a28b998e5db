/** Text with entities, as it is written piece by piece. */
import type { Entity, EntityType } from '../telegram.ts';

export type Formatted = { text: string; entities: Entity[] };

/** These show their text as it is: nothing else may stand in them. */
const LITERAL: ReadonlySet<EntityType> = new Set(['code', 'pre']);

export class FormattedWriter {
  #text = '';
  readonly #entities: Entity[] = [];

  get length(): number {
    return this.#text.length;
  }

  get text(): string {
    return this.#text;
  }

  write(text: string): void {
    this.#text += text;
  }

  /** Marks what `content` writes. White space around it is left out, and what is empty is not marked. */
  mark(entity: Omit<Entity, 'offset' | 'length'>, content: () => void): void {
    const from = this.length;
    content();
    const written = this.#text.slice(from);
    const trimmed = written.trim();
    if (trimmed === '') return;
    const isVerbatim = entity.type === 'pre';
    const offset = isVerbatim ? from : from + written.indexOf(trimmed);
    this.#entities.push({ ...entity, offset, length: isVerbatim ? written.length : trimmed.length });
  }

  /** Sets where the link leads that was marked last, from `offset` on; null: it leads nowhere. */
  retarget(offset: number, url: string | null): void {
    const index = this.#entities.findLastIndex((entity) => entity.type === 'link' && entity.offset >= offset);
    const link = this.#entities[index];
    if (link !== undefined) this.#entities.splice(index, 1, ...(url === null ? [] : [{ ...link, url }]));
  }

  /** Begins a block: an empty line after what stands there, or only a new line. */
  startBlock(gap: '\n' | '\n\n'): void {
    if (this.#text === '') return;
    this.#text = `${this.#text.trimEnd()}${gap}`;
  }

  finish(): Formatted {
    const text = this.#text.trimEnd();
    const entities = legal(this.#entities).flatMap((entity): Entity[] => {
      const length = Math.min(entity.length, text.length - entity.offset);
      return length > 0 ? [{ ...entity, length }] : [];
    });
    return { text, entities };
  }
}

/**
 * Entities as Telegram takes them: literal ones stand in no other but a quote, quotes not in quotes, links not in links;
 * in the order of their beginnings, the outer first.
 */
export function legal(entities: readonly Entity[]): Entity[] {
  const links = entities.filter(
    (one) =>
      one.type === 'link' &&
      !entities.some(
        (other) => (other.type === 'pre' && overlaps(other, one)) || (other.type === 'link' && other !== one && contains(other, one)),
      ),
  );
  const literal = entities.filter(
    (one) =>
      LITERAL.has(one.type) &&
      !links.some((link) => overlaps(link, one)) &&
      !entities.some((other) => other !== one && other.type === 'pre' && contains(other, one)),
  );
  const quotes = entities.filter(
    (one) => one.type === 'quote' && !entities.some((other) => other.type === 'quote' && other !== one && contains(other, one)),
  );
  const others = entities
    .filter(({ type }) => !LITERAL.has(type) && type !== 'quote' && type !== 'link')
    .filter(
      (one, index, all) =>
        !all.some((other, at) => other.type === one.type && at !== index && contains(other, one) && (at < index || !contains(one, other))),
    )
    .flatMap((entity) => without(entity, literal));
  return [...literal, ...links, ...quotes, ...others].sort((one, other) => one.offset - other.offset || other.length - one.length);
}

function contains(outer: Entity, inner: Entity): boolean {
  return outer.offset <= inner.offset && outer.offset + outer.length >= inner.offset + inner.length;
}

function overlaps(one: Pick<Entity, 'offset' | 'length'>, other: Pick<Entity, 'offset' | 'length'>): boolean {
  return one.offset < other.offset + other.length && other.offset < one.offset + one.length;
}

/** What is left of an entity outside of the holes. */
function without(entity: Entity, holes: readonly Entity[]): Entity[] {
  let pieces = [entity];
  for (const hole of holes) {
    pieces = pieces.flatMap((piece) => {
      if (!overlaps(piece, hole)) return [piece];
      const end = piece.offset + piece.length;
      const holeEnd = hole.offset + hole.length;
      return [
        { ...piece, length: Math.max(0, hole.offset - piece.offset) },
        { ...piece, offset: holeEnd, length: Math.max(0, end - holeEnd) },
      ].filter(({ length }) => length > 0);
    });
  }
  return pieces;
}
