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
  /** The whole terminal, to draw on again and again; null where there is none. */
  fullScreen(): FullScreen | null;
  /** Aborts when nobody reads stdout any more (`animus logs | head`). What is printed then is lost; the exit code is not. */
  closed: AbortSignal;
};

export type FullScreen = {
  size(): { columns: number; rows: number };
  /** Replaces what is shown. Lines that are too long are cut; so are those below the last row. */
  draw(lines: readonly string[]): void;
  /** Calls when the size has changed. */
  onResize(call: () => void): void;
  /** Gives the terminal back as it was. */
  close(): void;
};

const CODES: Readonly<Record<Colour, [number, number]>> = { red: [31, 39], green: [32, 39], yellow: [33, 39], dim: [2, 22], bold: [1, 22] };

/** stderr is opened when there is something to complain of. */
export type ScreenStreams = {
  stdout: Writable & { isTTY?: boolean; columns?: number; rows?: number };
  stderr: () => Writable;
  noColour: boolean;
};

export function makeScreen({ stdout, stderr, noColour }: ScreenStreams): Screen {
  const isTerminal = stdout.isTTY === true;
  const hasColour = isTerminal && !noColour;
  const closing = new AbortController();
  stdout.on('error', (error) => {
    takeClosed(error);
    closing.abort();
  });
  let complaints: Writable | null = null;
  const openStderr = (): Writable => {
    complaints ??= stderr().on('error', takeClosed);
    return complaints;
  };
  const write = (text: string): void => {
    if (!closing.signal.aborted) stdout.write(`${text}\n`);
  };
  return {
    print: write,
    printJson: (value) => write(JSON.stringify(value, null, 2)),
    complain: (line) => void openStderr().write(`${line}\n`),
    paint: (colour, text) => (hasColour ? `\u001b[${CODES[colour][0]}m${text}\u001b[${CODES[colour][1]}m` : text),
    isTerminal,
    fullScreen: () => (isTerminal ? openFullScreen(stdout) : null),
    closed: closing.signal,
  };
}

/** Nobody reads any more: a pipe was closed, or the terminal (EIO). Anything else is our bug. */
function takeClosed(error: NodeJS.ErrnoException): void {
  if (!['EPIPE', 'EIO', 'ERR_STREAM_DESTROYED'].includes(error.code ?? '')) throw error;
}

/** The terminal's second page, so that what was on the first is there again afterwards (xterm's 1049). */
function openFullScreen(stdout: ScreenStreams['stdout']): FullScreen {
  const size = (): { columns: number; rows: number } => ({ columns: stdout.columns ?? 80, rows: stdout.rows ?? 24 });
  let resized = (): void => undefined;
  const onResize = (): void => resized();
  stdout.on('resize', onResize);
  stdout.write('\u001b[?1049h\u001b[?25l');
  return {
    size,
    draw(lines) {
      const { columns, rows } = size();
      const shown = lines.slice(0, rows).map((line) => `${clipped(line, columns)}\u001b[0m\u001b[K`);
      stdout.write(`\u001b[H${shown.join('\r\n')}\u001b[J`);
    },
    onResize(call) {
      resized = call;
    },
    close() {
      stdout.off('resize', onResize);
      stdout.write('\u001b[?25h\u001b[?1049l');
    },
  };
}

/** The first `columns` characters one sees, with the colours between them. */
function clipped(text: string, columns: number): string {
  let seen = 0;
  let kept = '';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters
  for (const [piece] of text.matchAll(/\u001b\[[\d;]*m|[\s\S]/gu)) {
    if (!piece.startsWith('\u001b')) seen += 1;
    if (seen > columns) break;
    kept += piece;
  }
  return kept;
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
