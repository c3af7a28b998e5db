/** Which rotated log files go. The one that is being written is never among them: it was not rotated. */

export type RotatedFile = { file: string; bytes: number /** When it was written last, ms of the epoch. */; at: number };

/** What was last written before `before` goes, and the oldest of what is more than `bytes` together; null: no such bound. */
export type Bounds = { before: number; bytes: number | null };

export function listToClean(rotated: readonly RotatedFile[], { before, bytes }: Bounds): RotatedFile[] {
  let kept = 0;
  return rotated
    .toSorted((one, other) => other.at - one.at || (one.file < other.file ? 1 : -1))
    .filter((file) => {
      kept += file.bytes;
      return file.at < before || (bytes !== null && kept > bytes);
    });
}
