/**
 * Markdown as language models write it → text with entities. What Telegram cannot show (headings, lists, tables, rules)
 * becomes text that reads well; what is no markup stays as it was written.
 */
import { Marked, type Token, type Tokens } from 'marked';
import type { EntityType } from '../telegram.ts';
import { type Formatted, FormattedWriter } from './formatted.ts';
import { decodeCharacters, linkTarget } from './links.ts';
import { drawTable } from './tables.ts';

/** A reply in the order it is to be sent: texts, and images that stand by themselves. */
export type Segment = { kind: 'text'; formatted: Formatted } | { kind: 'image'; href: string; caption: string };

const RULE = '———';
const INDENT = '   ';

const marked = new Marked({
  gfm: true,
  tokenizer: {
    // One tilde means "about": only two strike something out.
    del(source) {
      return source.startsWith('~~') ? false : undefined;
    },
  },
  extensions: [
    {
      name: 'spoiler',
      level: 'inline',
      start: (source) => source.indexOf('||'),
      tokenizer(source) {
        const match = /^\|\|(?=\S)((?:(?!\|\|)[\s\S])*?\S)\|\|/.exec(source);
        const [raw, text] = match ?? [];
        return raw === undefined || text === undefined ? undefined : { type: 'spoiler', raw, tokens: this.lexer.inlineTokens(text) };
      },
    },
  ],
});

export function readMarkdown(markdown: string): Segment[] {
  const segments: Segment[] = [];
  let text: Token[] = [];
  const flush = (): void => {
    const formatted = render(text);
    if (formatted.text !== '') segments.push({ kind: 'text', formatted });
    text = [];
  };
  for (const token of marked.lexer(markdown)) {
    const images = imagesAlone(token);
    if (images === null) text.push(token);
    else {
      flush();
      for (const image of images) segments.push({ kind: 'image', href: image.href, caption: decodeCharacters(image.text) });
    }
  }
  flush();
  return segments;
}

/** The images of a paragraph that holds nothing else; null when it holds something else. */
function imagesAlone(token: Token): Tokens.Image[] | null {
  if (token.type !== 'paragraph') return null;
  const inner = inside(token).filter(({ type, raw }) => type !== 'br' && !(type === 'text' && raw.trim() === ''));
  const images = inner.filter((one): one is Tokens.Image => one.type === 'image');
  return images.length > 0 && images.length === inner.length ? images : null;
}

function render(tokens: readonly Token[]): Formatted {
  const renderer = new Renderer();
  renderer.blocks(tokens, '\n\n');
  return renderer.writer.finish();
}

/** HTML that models use within Markdown, and what it is in Telegram. */
const TAGS: Readonly<Record<string, EntityType>> = {
  b: 'bold',
  strong: 'bold',
  i: 'italic',
  em: 'italic',
  u: 'underline',
  ins: 'underline',
  s: 'strike',
  del: 'strike',
  strike: 'strike',
  code: 'code',
  kbd: 'code',
  summary: 'bold',
  'tg-spoiler': 'spoiler',
};
/** Show nothing of themselves. */
const SILENT_TAGS: ReadonlySet<string> = new Set(['p', 'div', 'span', 'details', 'center', 'sub', 'sup', 'small', 'mark', 'font', 'a']);

class Renderer {
  readonly writer: FormattedWriter = new FormattedWriter();
  #indent = '';

  blocks(tokens: readonly Token[], gap: '\n' | '\n\n'): void {
    let isFirst = true;
    for (const token of tokens) {
      if (token.type === 'space' || token.type === 'def') continue;
      if (!isFirst) this.#startBlock(token.type === 'list' && gap === '\n' ? '\n' : gap);
      // A box to tick stands before its text.
      isFirst = token.type === 'checkbox';
      this.#block(token);
    }
  }

  #startBlock(gap: '\n' | '\n\n'): void {
    this.writer.startBlock(gap);
    this.writer.write(this.#indent);
  }

  #block(token: Token): void {
    switch (token.type) {
      case 'heading':
        this.writer.mark({ type: 'bold' }, () => this.#inline(inside(token)));
        break;
      case 'code':
        this.#code(token as Tokens.Code);
        break;
      case 'blockquote':
        this.writer.mark({ type: 'quote' }, () => this.blocks(inside(token), '\n\n'));
        break;
      case 'list':
        this.#list(token as Tokens.List);
        break;
      case 'table':
        this.#table(token as Tokens.Table);
        break;
      case 'hr':
        this.#write(RULE);
        break;
      case 'html':
        this.#html(token as Tokens.HTML);
        break;
      case 'checkbox':
        this.#write((token as Tokens.Checkbox).checked ? '☑ ' : '☐ ');
        break;
      default:
        this.#inline('tokens' in token && token.tokens !== undefined ? token.tokens : [token]);
        break;
    }
  }

  #write(text: string): void {
    this.writer.write(this.#indent === '' ? text : text.replaceAll('\n', `\n${this.#indent}`));
  }

  /** As it is: code is not indented with its list. */
  #code({ text, lang }: Tokens.Code): void {
    if (text.trim() === '') return;
    if (this.#indent !== '' && this.writer.text.endsWith(this.#indent)) this.writer.startBlock('\n');
    const [language = ''] = (lang ?? '').trim().split(/[\s{,:]/);
    this.writer.mark({ type: 'pre', language }, () => this.writer.write(text.replace(/\s+$/, '').replace(/^\n+/, '')));
  }

  #list({ ordered, start, items, loose }: Tokens.List): void {
    const outer = this.#indent;
    for (const [index, item] of items.entries()) {
      if (index > 0)
        this.#startBlock(loose && items.some((one) => one.tokens.filter(({ type }) => type !== 'space').length > 1) ? '\n\n' : '\n');
      const number = (start === '' ? 1 : start) + index;
      this.writer.write(item.task ? '' : ordered ? `${number}. ` : '• ');
      this.#indent = outer + INDENT;
      this.blocks(item.tokens, '\n');
      this.#indent = outer;
    }
  }

  #table({ header, rows, align }: Tokens.Table): void {
    const plain = (cell: Tokens.TableCell): string => render(cell.tokens).text;
    const drawn = drawTable(
      header.map(plain),
      rows.map((row) => row.map(plain)),
      align,
    );
    if (drawn !== null) {
      this.writer.mark({ type: 'pre', language: '' }, () => this.writer.write(drawn));
      return;
    }
    for (const [index, row] of rows.entries()) {
      if (index > 0) this.#startBlock('\n\n');
      for (const [column, cell] of row.entries()) {
        if (cell.text.trim() === '') continue;
        if (column === 0) this.writer.mark({ type: 'bold' }, () => this.#inline(cell.tokens));
        else {
          this.#startBlock('\n');
          this.#inline(header[column]?.tokens ?? []);
          this.#write(': ');
          this.#inline(cell.tokens);
        }
      }
    }
  }

  /** A block of HTML is read for the tags that mean something in a chat; the rest of it is shown. */
  #html({ text }: Tokens.HTML): void {
    const shown = text.replace(/<!--[\s\S]*?-->/g, '').trim();
    if (shown !== '') this.#inline(marked.Lexer.lexInline(shown));
  }

  #inline(tokens: readonly Token[]): void {
    for (let index = 0; index < tokens.length; index += 1) {
      const token = tokens[index];
      if (token === undefined) continue;
      if (token.type === 'html') index = this.#tag(tokens, index);
      else this.#piece(token);
    }
  }

  #piece(token: Token): void {
    const inner = (): void => this.#inline(inside(token));
    switch (token.type) {
      case 'strong':
        this.writer.mark({ type: 'bold' }, inner);
        break;
      case 'em':
        this.writer.mark({ type: 'italic' }, inner);
        break;
      case 'del':
        this.writer.mark({ type: 'strike' }, inner);
        break;
      case 'spoiler':
        this.writer.mark({ type: 'spoiler' }, inner);
        break;
      case 'codespan':
        this.writer.mark({ type: 'code' }, () => this.#write((token as Tokens.Text).text));
        break;
      case 'link':
        this.#link(token as Tokens.Link);
        break;
      case 'image':
        this.#link({ ...(token as Tokens.Image), type: 'link', tokens: [textToken(token.text || 'image')] });
        break;
      case 'br':
        this.#write('\n');
        break;
      case 'checkbox':
        this.#write((token as Tokens.Checkbox).checked ? '☑ ' : '☐ ');
        break;
      case 'escape':
        this.#write((token as Tokens.Text).text);
        break;
      default:
        if (inside(token).length === 0) this.#write(decodeCharacters(token.raw));
        else inner();
    }
  }

  #link({ href, tokens, text, autolink }: Tokens.Link): void {
    const target = linkTarget(href);
    const isItself = autolink === true || text === href || `mailto:${text}` === href;
    // Telegram finds addresses by itself.
    if (isItself) this.#write(text);
    else if (target !== null) this.writer.mark({ type: 'link', url: target }, () => this.#inline(tokens));
    else this.#inline(tokens);
    if (!isItself && target === null && href !== '' && !href.startsWith('#')) this.#write(` (${href.replace(/^mailto:/, '')})`);
  }

  /** A tag within a line; gives the index of the last token that was used up. */
  #tag(tokens: readonly Token[], index: number): number {
    const raw = tokens[index]?.raw ?? '';
    const match = /^<(?<close>\/?)(?<name>[a-z][\w-]*)(?<rest>[^>]*)>\s*$/i.exec(raw);
    const name = match?.groups?.['name']?.toLowerCase();
    if (name === undefined || raw.startsWith('<!--')) {
      if (!raw.startsWith('<!--')) this.#write(decodeCharacters(raw));
      return index;
    }
    if (name === 'br') {
      this.#write('\n');
      return index;
    }
    const type = TAGS[name];
    if (match?.groups?.['close'] === '' && type !== undefined) {
      const end = tokens.findIndex((one, at) => at > index && one.type === 'html' && one.raw.trim().toLowerCase() === `</${name}>`);
      if (end > index) {
        this.writer.mark({ type }, () => this.#inline(tokens.slice(index + 1, end)));
        return end;
      }
    }
    if (!SILENT_TAGS.has(name)) this.#write(decodeCharacters(raw));
    return index;
  }
}

/** The tokens that a token holds. */
function inside(token: Token): Token[] {
  return 'tokens' in token ? (token.tokens ?? []) : [];
}

function textToken(text: string): Tokens.Text {
  return { type: 'text', raw: text, text };
}
