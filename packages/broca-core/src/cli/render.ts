/**
 * Values of commands as text for people. Values come from a socket, so nothing is taken for granted
 * about them: what is missing shows as nothing. Pure.
 */
import { localTime } from './local-time.ts';

export type Column = { title: string; of(row: unknown): string };

const LONGEST_CELL = 60;

export function renderTable(rows: unknown, columns: readonly Column[], ifEmpty: string): string {
  const cells = listOf(rows).map((row) => columns.map((column) => shorten(oneLine(column.of(row)))));
  if (cells.length === 0) return `${ifEmpty}\n`;
  const lines = [columns.map(({ title }) => title), ...cells];
  const widths = columns.map((_column, index) => Math.max(...lines.map((line) => widthOf(line[index] ?? ''))));
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, index) => pad(cell, widths[index] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

export function renderFields(value: unknown, fields: readonly Column[]): string {
  const shown = fields.map((field) => [field.title, printable(field.of(value))] as const).filter(([, text]) => text !== '');
  const width = Math.max(0, ...shown.map(([title]) => title.length));
  return shown.map(([title, text]) => `${pad(`${title}:`, width + 1)} ${text.replaceAll('\n', `\n${' '.repeat(width + 2)}`)}\n`).join('');
}

/** What is at a path inside a value, undefined where there is nothing. */
export function at(value: unknown, ...path: (string | number)[]): unknown {
  let found = value;
  for (const step of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return undefined;
    found = Reflect.get(found, step);
  }
  return found;
}

export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A value as a person reads it: instants in the machine's zone, yes and no, nothing for null. */
export function show(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) ? localTime(value) : value;
    case 'boolean':
      return value ? 'yes' : 'no';
    case 'undefined':
      return '';
    default:
      return value === null ? '' : JSON.stringify(value);
  }
}

export function column(title: string, ...path: string[]): Column {
  return { title, of: (row) => show(at(row, ...path)) };
}

/** `channel/chat`, with the account where a channel has several. */
export function conversationOf(row: unknown): string {
  const [channel, account, chat] = ['channel', 'account', 'chat'].map((key) => show(at(row, key)));
  return account === '' ? `${channel}/${chat}` : `${channel}(${account})/${chat}`;
}

/**
 * Text that others wrote, fit for a terminal: control characters could move its cursor, set its title or
 * type for its user; direction marks could show other words than there are.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, (character) => {
    if (character === '\n' || character === '\t' || character === '\u200d') return character;
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

function oneLine(text: string): string {
  return printable(text.replace(/\s+/g, ' ').trim());
}

function shorten(text: string): string {
  const characters = [...text];
  return characters.length <= LONGEST_CELL ? text : `${characters.slice(0, LONGEST_CELL - 1).join('')}…`;
}

function widthOf(text: string): number {
  return [...text].length;
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}
