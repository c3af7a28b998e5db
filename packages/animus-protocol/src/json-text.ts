/**
 * JSON files that people write: where exactly a fault is, which keys stand twice, and where each value
 * stands, so that one of them can be replaced and the rest left as it was written.
 *
 * `JSON.parse` makes the values. It names no place for half of its errors, shows the text around them
 * (which may be a secret), and keeps quiet about a key that stands twice.
 */
import { failed, ok, type Result } from './result.ts';

/** Where a value stands: `text.slice(start, end)`. `members` only for an object. */
export type JsonNode = { start: number; end: number; members: JsonMember[] | null };
export type JsonMember = { name: string; start: number; node: JsonNode };
export type JsonText = {
  value: unknown;
  root: JsonNode;
  /** Dotted keys that stand more than once; the last one counts, as for `JSON.parse`. */
  duplicates: string[];
};
/** `line` and `column` are 1-based. */
export type JsonFault = { line: number; column: number; message: string };

/** Deeper than any configuration; keeps a hostile file from exhausting the stack. */
const DEEPEST = 64;

export function readJson(text: string): Result<JsonText, JsonFault> {
  const reader = new JsonReader(text);
  const root = reader.readDocument();
  if (root === null) return failed(reader.locateFault());
  return ok({ value: JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text), root, duplicates: reader.duplicates });
}

/** A recursive descent over the text; every `read…` gives null once `#fault` is set. */
class JsonReader {
  readonly duplicates: string[] = [];
  readonly #text: string;
  #at = 0;
  #path: string[] = [];
  #fault: { at: number; message: string } | null = null;

  constructor(text: string) {
    this.#text = text;
    if (text.startsWith('\uFEFF')) this.#at = 1;
  }

  readDocument(): JsonNode | null {
    this.#skipBlanks();
    const root = this.#readValue();
    if (root === null) return null;
    this.#skipBlanks();
    return this.#at === this.#text.length ? root : this.#fail('nothing may follow the closing bracket');
  }

  locateFault(): JsonFault {
    const { at, message } = this.#fault ?? { at: 0, message: 'not JSON' };
    const before = this.#text.slice(0, at).split('\n');
    return { line: before.length, column: (before.at(-1) ?? '').replace('\uFEFF', '').length + 1, message };
  }

  #readValue(): JsonNode | null {
    if (this.#path.length > DEEPEST) return this.#fail(`nested more than ${DEEPEST} deep`);
    const start = this.#at;
    const first = this.#text[start];
    if (first === '{') return this.#readObject();
    if (first === '[') return this.#readArray();
    if (first === '"') return this.#readString() === null ? null : { start, end: this.#at, members: null };
    const word = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y;
    word.lastIndex = start;
    const match = word.exec(this.#text);
    if (match === null) return this.#failAtValue(first);
    this.#at += match[0].length;
    return { start, end: this.#at, members: null };
  }

  #failAtValue(first: string | undefined): null {
    if (first === undefined) return this.#fail('the file ends in the middle');
    if (first === "'") return this.#fail('text stands in double quotes');
    if (first === '/') return this.#fail('JSON has no comments');
    if (first === '}' || first === ']') return this.#fail(`a value is missing before "${first}"`);
    return this.#fail('this is no value: text stands in double quotes, anything else is a number, true, false, null, {…} or […]');
  }

  #readObject(): JsonNode | null {
    const start = this.#at;
    const members: JsonMember[] = [];
    this.#at += 1;
    this.#skipBlanks();
    while (this.#text[this.#at] !== '}' || members.length > 0) {
      const member = this.#readMember();
      if (member === null) return null;
      if (members.some(({ name }) => name === member.name)) this.duplicates.push([...this.#path, member.name].join('.'));
      members.push(member);
      if (!this.#takeSeparator('}')) break;
    }
    return this.#close('}', { start, end: this.#at + 1, members });
  }

  #readMember(): JsonMember | null {
    const start = this.#at;
    const first = this.#text[start];
    if (first === '}') return this.#fail('a comma before the closing "}" is not allowed: remove it');
    if (first !== '"')
      return first === undefined || first === '/' || first === "'"
        ? this.#failAtValue(first)
        : this.#fail('a key in double quotes is expected');
    const name = this.#readString();
    if (name === null) return null;
    this.#skipBlanks();
    if (this.#text[this.#at] !== ':') return this.#fail('":" is expected after a key');
    this.#at += 1;
    this.#skipBlanks();
    this.#path.push(name);
    const node = this.#readValue();
    this.#path.pop();
    return node === null ? null : { name, start, node };
  }

  #readArray(): JsonNode | null {
    const start = this.#at;
    this.#at += 1;
    this.#skipBlanks();
    for (let count = 0; this.#text[this.#at] !== ']' || count > 0; count += 1) {
      this.#path.push(String(count));
      const item =
        this.#text[this.#at] === ']' ? this.#fail('a comma before the closing "]" is not allowed: remove it') : this.#readValue();
      this.#path.pop();
      if (item === null) return null;
      if (!this.#takeSeparator(']')) break;
    }
    return this.#close(']', { start, end: this.#at + 1, members: null });
  }

  /** Takes a comma when there is one. */
  #takeSeparator(closing: string): boolean {
    this.#skipBlanks();
    if (this.#text[this.#at] !== ',') {
      if (this.#text[this.#at] !== closing)
        this.#fail(this.#at < this.#text.length ? `"," or "${closing}" is expected` : 'the file ends in the middle');
      return false;
    }
    this.#at += 1;
    this.#skipBlanks();
    return true;
  }

  #close(closing: string, node: JsonNode): JsonNode | null {
    if (this.#fault !== null || this.#text[this.#at] !== closing)
      return this.#fault === null ? this.#fail(`"${closing}" is expected`) : null;
    this.#at += 1;
    return node;
  }

  #readString(): string | null {
    const start = this.#at;
    let at = start + 1;
    for (; this.#text[at] !== '"'; at += 1) {
      const character = this.#text[at];
      if (character === undefined) return this.#failAt(start, 'this text has no closing quote');
      if (character < ' ') return this.#failAt(at, 'this text has no closing quote on its line, or an unescaped control character');
      if (character !== '\\') continue;
      if (!/^\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/.test(this.#text.slice(at, at + 6)))
        return this.#failAt(at, 'a single "\\" must be written "\\\\"');
      at += 1;
    }
    this.#at = at + 1;
    return String(JSON.parse(this.#text.slice(start, this.#at)));
  }

  #skipBlanks(): void {
    while (/[ \t\r\n]/.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }

  #fail(message: string): null {
    return this.#failAt(this.#at, message);
  }

  #failAt(at: number, message: string): null {
    this.#fault ??= { at, message };
    return null;
  }
}
