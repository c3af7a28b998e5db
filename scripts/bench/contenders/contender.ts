/** A supervisor that is measured, ours or another's, behind one port: what is asked of each is the same. */

/** Where a contender's figures differ by how strong its agents are shut in, and for the table. */
export type Contender = AsyncDisposable & {
  /** As figures name it. */
  name: string;
  /** Starts all programs, and gives how long it took until the last of them ran (ours: was ready), in ms. */
  up(): Promise<number>;
  /** The process whose memory and CPU are its own. */
  pid(): number;
  /** The command that says what runs. */
  list: { command: string; args: readonly string[]; environment: NodeJS.ProcessEnv; title: string };
  /**
   * Kills so many programs, one after the other, `before` called ahead of each: the times to the first instruction of the
   * next process, in ms; ours: to its ready too.
   */
  crash(count: number, before: () => Promise<void>): Promise<{ first: number[]; ready: number[] }>;
  /** Has programs print so many lines and end right after the last, all at once. For each the files that its lines are kept in. */
  print(lines: number, programs: number): Promise<string[][]>;
};

/** One that cannot be had here is said to be missing and left out. */
export function missing(name: string): null {
  console.error(`${name} cannot be fetched here; its figures are left out`);
  return null;
}
