/**
 * What a loop has in hand right now, written where a crash of the process cannot take it: a small file,
 * not synced (a power cut is not the fault of what was in hand), overwritten in place (a full disk does not
 * matter). The next process reads whom to suspect. Never throws: without the file nobody is suspected.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

export type InHand = {
  /** What was in hand when the former process ended; nothing after a clean end, nor once this one took or let go of anything. */
  left(): readonly number[];
  take(ids: readonly number[]): void;
  letGo(): void;
};

/** `file` is this loop's alone. */
export function openInHand(file: string): InHand {
  let descriptor: number | null = null;
  let left = readLeft(file);
  const write = (ids: readonly number[]): void => {
    left = [];
    try {
      descriptor ??= openSync(file, 'r+', 0o600);
    } catch {
      descriptor = create(file);
    }
    if (descriptor === null) return;
    try {
      // The line ends what counts; what an earlier, longer one left behind it does not.
      writeSync(descriptor, `${ids.join(' ')}\n`, 0);
    } catch {
      closeSync(descriptor);
      descriptor = null;
    }
  };
  return { left: () => left, take: write, letGo: () => write([]) };
}

function create(file: string): number | null {
  try {
    return openSync(file, 'w+', 0o600);
  } catch {
    return null;
  }
}

function readLeft(file: string): number[] {
  try {
    const [line = ''] = readFileSync(file, 'utf8').split('\n');
    return line
      .split(' ')
      .map(Number)
      .filter(Number.isSafeInteger)
      .filter((id) => id > 0);
  } catch {
    return [];
  }
}
