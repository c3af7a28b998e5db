/** Tables, which Telegram has none of: side by side in fixed width where that fits a telephone, else row by row. */

/** So many characters of fixed width stand beside each other on a telephone. */
const WIDEST = 40;
const GAP = '  ';

export type Alignment = 'left' | 'right' | 'center' | null;

/** Lines of fixed width; null when they would be too wide. */
export function drawTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  alignments: readonly Alignment[],
): string | null {
  const all = [header, ...rows];
  if (all.some((row) => row.some((cell) => cell.includes('\n')))) return null;
  const widths = header.map((_, column) => Math.max(...all.map((row) => widthOf(row[column] ?? ''))));
  if (widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1) > WIDEST) return null;
  const line = (row: readonly string[]): string =>
    widths
      .map((width, column) => pad(row[column] ?? '', width, alignments[column] ?? null))
      .join(GAP)
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join(GAP);
  return [line(header), rule, ...rows.map(line)].join('\n');
}

function pad(cell: string, width: number, alignment: Alignment): string {
  const room = width - widthOf(cell);
  if (alignment === 'right') return ' '.repeat(room) + cell;
  if (alignment === 'center') return ' '.repeat(Math.floor(room / 2)) + cell + ' '.repeat(Math.ceil(room / 2));
  return cell + ' '.repeat(room);
}

/** Columns that a text takes: wide characters two, combining ones none. */
function widthOf(text: string): number {
  let width = 0;
  for (const character of text.normalize('NFC')) {
    if (/\p{M}|\p{Cf}/u.test(character)) continue;
    width += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
      character,
    )
      ? 2
      : 1;
  }
  return width;
}
