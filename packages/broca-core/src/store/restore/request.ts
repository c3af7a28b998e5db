/** What a restore is asked, and what it says. */
export type RestoreRequest = {
  /** The copy; it is changed. */
  copy: string;
  /** A copy of the database that is to be replaced; changed too, and thrown away after. Null: there is none. */
  present: string | null;
  /** When the copy was taken (ms). */
  takenAt: number;
  /** The agent was shut down for good when it was taken. */
  isFinal: boolean;
  /** It is restored for another agent than it was taken of. */
  isOtherAgent: boolean;
  /** Until when the database that is gone may have answered messages that the copy lacks (ms). */
  aliveUntil: number;
  /** Highest number of a turn whose replies lie in the spool: numbers up to it are not used again. */
  newestSpooled: number;
  now: number;
};

export type RestoreReport = {
  /** The database that went on after the copy told what became of what was open in it. */
  isFollowed: boolean;
  /** Turns that were set aside, for a person to decide. */
  parked: number[];
  /** Parts of replies that may have arrived after the copy was taken. */
  uncertain: number;
  /** The turn that was asked when the copy was taken; what became of it is found out at Letta. */
  settling: number | null;
  /** Turns that came after the copy, wait, and were taken along. */
  carried: number;
};
