/** The HTML that Telegram's bots may write (core.telegram.org/bots/api#html-style) → text with entities; null when its tags do not match. */
import type { Entity, EntityType } from '../telegram.ts';
import { type Formatted, FormattedWriter } from './formatted.ts';
import { decodeCharacters, linkTarget } from './links.ts';

const TAGS: Readonly<Record<string, EntityType>> = {
  b: 'bold',
  strong: 'bold',
  i: 'italic',
  em: 'italic',
  u: 'underline',
  ins: 'underline',
  s: 'strike',
  strike: 'strike',
  del: 'strike',
  'tg-spoiler': 'spoiler',
  code: 'code',
  pre: 'pre',
  blockquote: 'quote',
};

const PIECE =
  /<(?<close>\/)?(?<name>[a-z][\w-]*)(?<attributes>(?:\s+[\w-]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>"']+))?)*)\s*\/?>|(?<text>[^<]+)|(?<bare><)/giy;

type Piece = { kind: 'text'; text: string } | { kind: 'open' | 'close'; name: string; attributes: string };

export function readHtml(source: string): Formatted | null {
  const pieces: Piece[] = [];
  for (const { groups = {} } of source.matchAll(PIECE)) {
    const { close, name, attributes = '', text } = groups;
    if (groups['bare'] !== undefined) return null;
    if (name === undefined) pieces.push({ kind: 'text', text: decodeCharacters(text ?? '') });
    else pieces.push({ kind: close === undefined ? 'open' : 'close', name: name.toLowerCase(), attributes });
  }
  const writer = new FormattedWriter();
  return readInside(pieces, 0, null, writer) === pieces.length ? writer.finish() : null;
}

/** Reads up to the tag that closes `name`, and gives the index behind what was read; -1 when the tags do not match. */
function readInside(pieces: readonly Piece[], from: number, name: string | null, writer: FormattedWriter): number {
  for (let at = from; at < pieces.length; ) {
    const piece = pieces[at];
    if (piece === undefined) return -1;
    if (piece.kind === 'text') {
      writer.write(piece.text);
      at += 1;
    } else if (piece.kind === 'close') return piece.name === name ? at + 1 : -1;
    else if (piece.name === 'br') {
      writer.write('\n');
      at += 1;
    } else {
      const entity = entityOf(piece.name, piece.attributes, pieces[at + 1]);
      if (entity === 'unknown') return -1;
      let end = -1;
      const read = (): void => {
        end = readInside(pieces, at + 1, piece.name, writer);
      };
      if (entity === null) read();
      else writer.mark(entity, read);
      if (end === -1) return -1;
      at = end;
    }
  }
  return name === null ? pieces.length : -1;
}

function entityOf(name: string, attributes: string, next: Piece | undefined): Omit<Entity, 'offset' | 'length'> | null | 'unknown' {
  if (name === 'a') {
    const url = linkTarget(decodeCharacters(attribute(attributes, 'href') ?? ''));
    return url === null ? null : { type: 'link', url };
  }
  if (name === 'span') return attribute(attributes, 'class') === 'tg-spoiler' ? { type: 'spoiler' } : 'unknown';
  if (name === 'tg-emoji') return null;
  if (name === 'pre') {
    const inner = next?.kind === 'open' && next.name === 'code' ? attribute(next.attributes, 'class') : null;
    return { type: 'pre', language: inner?.replace(/^language-/, '') ?? '' };
  }
  const type = TAGS[name];
  if (type === undefined) return 'unknown';
  return type === 'quote' && /\bexpandable\b/.test(attributes) ? { type, isFolded: true } : { type };
}

function attribute(attributes: string, name: string): string | null {
  const found = new RegExp(`(?:^|\\s)${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s>"']+))`, 'i').exec(attributes);
  return found?.[1] ?? found?.[2] ?? found?.[3] ?? null;
}
