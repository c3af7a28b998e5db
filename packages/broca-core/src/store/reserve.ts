/**
 * Space kept so that what is claimed can be settled on a full disk: a file of random bytes (a file system
 * that compresses would keep zeros in no space), given up when a settling write finds no room. Until it
 * could be made again nothing new is stored or begun: the room it left is for what is under way.
 */
import { closeSync, constants, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { isFull } from './open.ts';

const { O_WRONLY, O_CREAT, O_TRUNC, O_DSYNC } = constants;

/** Room for the pages of a long reply, its indexes and the shared memory file of SQLite. */
export const RESERVE_BYTES: number = 512 * 1024;

/** Runs a write that settles what is claimed: `Reserve.settle`, or as it is where there is no reserve. */
export type SettlingWrite = <T>(write: () => T) => T;

export class Reserve {
  #file: string;
  #isSpent = false;

  constructor(file: string) {
    this.#file = file;
  }

  /** Nothing new may be stored. */
  get isSpent(): boolean {
    return this.#isSpent;
  }

  /** Makes the reserve where it is missing; false when there is no room for it. */
  refill(): boolean {
    if ((statSync(this.#file, { throwIfNoEntry: false })?.size ?? 0) === RESERVE_BYTES) {
      this.#isSpent = false;
      return true;
    }
    try {
      // Looked at first: what little room is left must not be taken from others, if only for a moment.
      const { bavail, bsize } = statfsSync(dirname(this.#file));
      if (bavail * bsize < RESERVE_BYTES) {
        this.#isSpent = true;
        return false;
      }
      writeRandom(this.#file);
      this.#isSpent = false;
    } catch (error) {
      rmSync(this.#file, { force: true });
      // A folder that cannot be written for another reason has no reserve; the database says by itself what it can.
      const { code } = error as NodeJS.ErrnoException;
      this.#isSpent = code === 'ENOSPC' || code === 'EDQUOT';
    }
    return !this.#isSpent;
  }

  /** Runs a write that settles what was claimed; on a full disk once more, in the room of the reserve. */
  settle<T>(write: () => T): T {
    try {
      return write();
    } catch (error) {
      if (!isFull(error) || !this.#spend()) throw error;
      return write();
    }
  }

  #spend(): boolean {
    this.#isSpent = true;
    const hadRoom = statSync(this.#file, { throwIfNoEntry: false }) !== undefined;
    rmSync(this.#file, { force: true });
    return hadRoom;
  }
}

function writeRandom(file: string): void {
  const bytes = Buffer.from(Uint32Array.from({ length: RESERVE_BYTES / 4 }, () => Math.random() * 2 ** 32).buffer);
  const descriptor = openSync(file, O_WRONLY | O_CREAT | O_TRUNC | O_DSYNC, 0o600);
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written);
  } finally {
    closeSync(descriptor);
  }
}
