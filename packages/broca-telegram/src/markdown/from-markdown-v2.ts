/**
 * Telegram's own MarkdownV2 (core.telegram.org/bots/api#markdownv2-style) → text with entities. It is strict: a reserved
 * character that is neither markup nor escaped makes the whole text something else, and null is given.
 */
import type { EntityType } from '../telegram.ts';
import { type Formatted, FormattedWriter } from './formatted.ts';
import { linkTarget } from './links.ts';

const RESERVED: ReadonlySet<string> = new Set('_*[]()~`>#+-=|{}.!');

const MARKS: readonly { mark: string; type: EntityType }[] = [
  { mark: '__', type: 'underline' },
  { mark: '||', type: 'spoiler' },
  { mark: '*', type: 'bold' },
  { mark: '_', type: 'italic' },
  { mark: '~', type: 'strike' },
];

export function readMarkdownV2(source: string): Formatted | null {
  const reader = new Reader(source);
  return reader.all() ? reader.writer.finish() : null;
}

class Reader {
  readonly writer: FormattedWriter = new FormattedWriter();
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  /** False when it is no MarkdownV2. */
  all(): boolean {
    return this.#run(null) && this.#at >= this.#source.length;
  }

  /** Reads to the mark that closes, or to the end. */
  #run(closing: string | null): boolean {
    while (this.#at < this.#source.length) {
      if (closing !== null && this.#source.startsWith(closing, this.#at)) return true;
      if (!this.#step()) return false;
    }
    return closing === null;
  }

  #step(): boolean {
    const rest = this.#source.slice(this.#at);
    if (rest.startsWith('\\')) return this.#escaped();
    if (rest.startsWith('```')) return this.#literal('```', 'pre');
    if (rest.startsWith('`')) return this.#literal('`', 'code');
    if (rest.startsWith('[') || rest.startsWith('![')) return this.#link();
    if (rest.startsWith('>') && this.#isAtLineStart()) return this.#quote();
    const found = MARKS.find(({ mark }) => rest.startsWith(mark));
    if (found !== undefined) return this.#marked(found.mark, found.type);
    const character = String.fromCodePoint(rest.codePointAt(0) ?? 0);
    if (RESERVED.has(character)) return false;
    this.writer.write(character);
    this.#at += character.length;
    return true;
  }

  #escaped(): boolean {
    const next = this.#source.charAt(this.#at + 1);
    if (next === '' || next > '~') return false;
    this.writer.write(next);
    this.#at += 2;
    return true;
  }

  #marked(mark: string, type: EntityType): boolean {
    this.#at += mark.length;
    let isClosed = false;
    this.writer.mark({ type }, () => {
      isClosed = this.#run(mark);
    });
    this.#at += mark.length;
    return isClosed;
  }

  #literal(mark: string, type: 'code' | 'pre'): boolean {
    const from = this.#at + mark.length;
    const end = this.#unescaped(mark, from);
    if (end === -1) return false;
    const raw = this.#source.slice(from, end).replace(/\\([`\\])/g, '$1');
    const [, language = '', body = raw] = type === 'pre' ? (/^([\w+#.-]*)\n([\s\S]*)$/.exec(raw) ?? []) : [];
    this.writer.mark(type === 'pre' ? { type, language } : { type }, () =>
      this.writer.write(type === 'pre' ? body.replace(/\n$/, '') : body),
    );
    this.#at = end + mark.length;
    return true;
  }

  #link(): boolean {
    this.#at += this.#source.startsWith('!', this.#at) ? 2 : 1;
    const before = this.writer.length;
    let url = '';
    let isLink = false;
    this.writer.mark({ type: 'link', url: 'pending:' }, () => {
      isLink = this.#run(']') && this.#source.startsWith('](', this.#at);
    });
    if (!isLink) return false;
    const end = this.#unescaped(')', this.#at + 2);
    if (end === -1) return false;
    url = this.#source.slice(this.#at + 2, end).replace(/\\([)\\])/g, '$1');
    this.#at = end + 1;
    this.writer.retarget(before, linkTarget(url));
    return true;
  }

  #quote(): boolean {
    this.writer.mark({ type: 'quote' }, () => {
      while (this.#source.startsWith('>', this.#at)) {
        this.#at += 1;
        const end = this.#source.indexOf('\n', this.#at);
        const lineEnd = end === -1 ? this.#source.length : end;
        while (this.#at < lineEnd && this.#step());
        if (this.#at < lineEnd) return;
        if (end === -1) return;
        this.writer.write('\n');
        this.#at = end + 1;
      }
    });
    return this.#at === this.#source.length || this.#isAtLineStart();
  }

  #isAtLineStart(): boolean {
    return this.#at === 0 || this.#source.charAt(this.#at - 1) === '\n';
  }

  /** Where `mark` stands next without a backslash before it; -1 when nowhere. */
  #unescaped(mark: string, from: number): number {
    for (let at = from; at < this.#source.length; at += 1) {
      if (this.#source.charAt(at) === '\\') at += 1;
      else if (this.#source.startsWith(mark, at)) return at;
    }
    return -1;
  }
}
