/**
 * When a log file is closed and a new one begun, what the closed one is called, and when it goes. All
 * times in ms since 1970; days are UTC days, as the times in the lines are.
 */

export type LogFileState = {
  bytes: number;
  /** When its last line was written; null for an empty file. */
  writtenAt: number | null;
};

/** For how many days rotated files are kept, and how many bytes of them. */
export type LogKeep = { days: number; bytes: number };

const DAY_MS = 24 * 60 * 60 * 1000;
/** What a person opens without waiting; the issue leaves the number to us. */
export const LARGEST_LOG: number = 10 * 1024 * 1024;

/** Whether the file is put aside before `nextBytes` more are written. A single line never makes an empty file rotate. */
export function mustRotate(state: LogFileState, nextBytes: number, largest: number, now: number): boolean {
  if (state.bytes === 0 || state.writtenAt === null) return false;
  return state.bytes + nextBytes > largest || Math.floor(state.writtenAt / DAY_MS) < Math.floor(now / DAY_MS);
}

/** `broca.log` put aside at `instant` (ISO, UTC): `broca-20261123T215700123Z.log`. Names sort as their times do. */
export function nameRotated(name: string, instant: string): string {
  return `${stem(name)}-${instant.replaceAll(/[-:.]/g, '')}.log`;
}

/** Whether a file was rotated from `name`. Any other file is nobody's to remove. */
export function isRotated(name: string, file: string): boolean {
  return file.startsWith(`${stem(name)}-`) && /^\d{8}T\d{9}Z\.log$/.test(file.slice(stem(name).length + 1));
}

/** Those of the files rotated from `name` before `oldest` (ISO, UTC), and the oldest of those that are too large together. */
export function listExpired(
  name: string,
  rotated: readonly { name: string; bytes: number }[],
  keep: { oldest: string; bytes: number },
): string[] {
  const oldest = nameRotated(name, keep.oldest);
  let bytes = 0;
  return rotated
    .toSorted((one, other) => (one.name < other.name ? 1 : -1))
    .filter((file) => {
      bytes += file.bytes;
      return file.name < oldest || bytes > keep.bytes;
    })
    .map((file) => file.name);
}

function stem(name: string): string {
  return name.replace(/\.log$/, '');
}
