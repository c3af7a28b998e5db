/**
 * The text of a `.env` file: read line by line with its faults, and changed with the rest left as it is.
 *
 * Node's own `util.parseEnv` was measured first (24.21) and is not used, because it is silent where a
 * person must be told: `KEY=  ` takes the next line as its value, `KEY=a#b` is cut to `a`, a line
 * without `=` and whatever follows a closing quote vanish, a byte order mark becomes part of the first
 * key. Where it reads well, a property holds us to reading the same.
 */
import { failed, ok, type Result } from './result.ts';

export type EnvironmentEntry = { key: string; value: string; line: number; start: number; end: number };
export type EnvironmentFault = { line: number; message: string };

const KEY = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*/;

/** All entries in file order (a key may stand twice; the last one counts) and every line that is none. */
export function readEnvironmentText(text: string): { entries: EnvironmentEntry[]; faults: EnvironmentFault[] } {
  const entries: EnvironmentEntry[] = [];
  const faults: EnvironmentFault[] = [];
  let start = text.startsWith('\uFEFF') ? 1 : 0;
  for (let line = 1; start < text.length; ) {
    const entry = readEntry(text, start, line);
    if (entry.kind === 'entry') entries.push(entry.entry);
    if (entry.kind === 'fault') faults.push({ line, message: entry.message });
    line += text.slice(start, entry.next).split('\n').length - 1;
    start = entry.next;
  }
  return { entries, faults };
}

type ReadEntry = { next: number } & ({ kind: 'blank' } | { kind: 'fault'; message: string } | { kind: 'entry'; entry: EnvironmentEntry });

function readEntry(text: string, start: number, line: number): ReadEntry {
  const end = endOfLine(text, start);
  const written = text.slice(start, end).replace(/[\r\n]+$/, '');
  if (/^\s*(#|$)/.test(written)) return { kind: 'blank', next: end };
  const head = KEY.exec(written);
  const key = head?.[1];
  if (head === null || key === undefined) return { kind: 'fault', next: end, message: 'neither a comment (#) nor KEY=value' };
  const rest = written.slice(head[0].length);
  const quote = rest[0];
  if (quote !== '"' && quote !== "'" && quote !== '`') {
    const value = (/^#|[ \t]#/.test(rest) ? rest.slice(0, rest.search(/^#|[ \t]#/)) : rest).trim();
    if (value.includes('\0') || value.includes('\r'))
      return { kind: 'fault', next: end, message: `${key} has a control character in its value` };
    return { kind: 'entry', next: end, entry: { key, value, line, start, end } };
  }
  const open = start + head[0].length;
  const close = text.indexOf(quote, open + 1);
  if (close === -1) return { kind: 'fault', next: end, message: `${key} opens a quote (${quote}) and does not close it` };
  const closeEnd = endOfLine(text, close);
  if (!/^\s*(#|$)/.test(text.slice(close + 1, closeEnd))) {
    return {
      kind: 'fault',
      next: closeEnd,
      message: `${key} has more text after its closing quote; quote it with ' or \` when the value holds a "`,
    };
  }
  const inside = text.slice(open + 1, close).replaceAll('\r\n', '\n');
  return {
    kind: 'entry',
    next: closeEnd,
    entry: { key, value: quote === '"' ? inside.replaceAll('\\n', '\n') : inside, line, start, end: closeEnd },
  };
}

/** Index after the line feed that ends the line `at` stands in. */
function endOfLine(text: string, at: number): number {
  const feed = text.indexOf('\n', at);
  return feed === -1 ? text.length : feed + 1;
}

/**
 * Gives keys their values in an existing text (deploy fills the template by it, a new key replaces the
 * old one): where the key stands already, else at the end. Everything else stays byte by byte.
 */
export function setEnvironmentValues(text: string, values: Readonly<Record<string, string>>): Result<string, string> {
  let changed = text;
  for (const [key, value] of Object.entries(values)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) return failed(`${JSON.stringify(key)} cannot be a key of .env: use letters, digits and "_"`);
    const written = quoteValue(value);
    if (written === null)
      return failed(`the value of ${key} cannot be written to .env: it holds all three kinds of quotes, or a control character`);
    const newline = changed.includes('\r\n') ? '\r\n' : '\n';
    const standing = readEnvironmentText(changed).entries.findLast((entry) => entry.key === key);
    const before =
      standing === undefined
        ? changed === '' || changed.endsWith('\n')
          ? changed
          : `${changed}${newline}`
        : changed.slice(0, standing.start);
    changed = `${before}${key}=${written}${newline}${standing === undefined ? '' : changed.slice(standing.end)}`;
  }
  return ok(changed);
}

function quoteValue(value: string): string | null {
  if (/[\0\r]/.test(value)) return null;
  if (/^[^\s"'`#\\][^\s"'`#]*$/.test(value) || value === '') return value;
  if (!value.includes("'")) return `'${value}'`;
  if (!value.includes('`')) return `\`${value}\``;
  return value.includes('"') || value.includes('\\n') ? null : `"${value}"`;
}
