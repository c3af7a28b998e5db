/** How the CLI's answers look: tables, marks and colours. The only file of ours that writes to the terminal. */
import type { Writable } from 'node:stream';

export type Colour = 'red' | 'green' | 'yellow' | 'dim' | 'bold';

export type Screen = {
  /** The answer, on stdout. */
  print(line: string): void;
  printJson(value: unknown): void;
  /** What went wrong or goes on, on stderr; stdout stays for the answer. */
  complain(line: string): void;
  paint(colour: Colour, text: string): string;
  /** A person looks at stdout. */
  isTerminal: boolean;
  /** Aborts when nobody reads stdout any more (`animus logs | head`). What is printed then is lost; the exit code is not. */
  closed: AbortSignal;
};

const CODES: Readonly<Record<Colour, [number, number]>> = { red: [31, 39], green: [32, 39], yellow: [33, 39], dim: [2, 22], bold: [1, 22] };

/** stderr is opened when there is something to complain of. */
export type ScreenStreams = { stdout: Writable & { isTTY?: boolean }; stderr: () => Writable; noColour: boolean };

export function makeScreen({ stdout, stderr, noColour }: ScreenStreams): Screen {
  const isTerminal = stdout.isTTY === true;
  const hasColour = isTerminal && !noColour;
  const closing = new AbortController();
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') throw error;
    closing.abort();
  });
  const write = (text: string): void => {
    if (!closing.signal.aborted) stdout.write(`${text}\n`);
  };
  return {
    print: write,
    printJson: (value) => write(JSON.stringify(value, null, 2)),
    complain: (line) => void stderr().write(`${line}\n`),
    paint: (colour, text) => (hasColour ? `\u001b[${CODES[colour][0]}m${text}\u001b[${CODES[colour][1]}m` : text),
    isTerminal,
    closed: closing.signal,
  };
}

export function mark(screen: Screen, isWell: boolean): string {
  return isWell ? screen.paint('green', '✓') : screen.paint('red', '✗');
}

/** The lines after the first stand under it, so that each is seen to belong to it. */
export function indented(text: string): string {
  return text.replaceAll('\n', '\n    ');
}

/** Columns as wide as their widest cell, two blanks between, the last one ragged. Cells may be painted. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => visibleLength(row[column] ?? ''))));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        column === cells.length - 1 ? cell : cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - visibleLength(cell))),
      )
      .join('  ')
      .trimEnd();
  return [line(head), ...rows.map(line)].join('\n');
}

function visibleLength(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters
  return text.replaceAll(/\u001b\[\d+m/g, '').length;
}

/** `3 d 4 h`, `2 h 5 min`, `12 s`: the two largest units. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first === -1) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(0)} MB`;
}

/** In the unit that fits: `512 B`, `3.4 MB`. */
export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1_000 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}
