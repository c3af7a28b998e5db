/**
 * When a log file is closed and a new one begun, what the closed one is called, and when it goes. All
 * times in ms since 1970; days are UTC days, as the times in the lines are.
 */

export type LogFileState = {
  bytes: number;
  /** When its last line was written; null for an empty file. */
  writtenAt: number | null;
};

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

/** Those of a folder's files that were rotated from `name` before `oldest` (ISO, UTC). Any other file is nobody's to remove. */
export function listExpired(name: string, files: readonly string[], oldest: string): string[] {
  const limit = nameRotated(name, oldest);
  return files.filter(
    (file) => file.startsWith(`${stem(name)}-`) && /^\d{8}T\d{9}Z\.log$/.test(file.slice(stem(name).length + 1)) && file < limit,
  );
}

function stem(name: string): string {
  return name.replace(/\.log$/, '');
}
