/**
 * `logs/broca.log` as a place to write lines to: synchronously and in this process, so that the last line
 * before a `kill -9` is there. Rotation is looked at when a line is written; no timer wakes an idle Broca.
 *
 * The libraries for this were measured and are not used: pino-roll costs each worker 3.8 MB (PSS; it brings
 * date-fns), rotating-file-stream writes asynchronously and loses the last lines at a kill, SonicBoom
 * (`pino.destination`) would be loaded before a Broca is ready (pino: 9 ms, its destination 1.5 ms), and
 * closes a descriptor twice when its `reopen()` fails once and then succeeds.
 */
import { closeSync, fstatSync, openSync, readdirSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { codeOf } from 'animus-protocol';
import { makeSubfolder } from '../make-subfolder.ts';
import { isRotated, LARGEST_LOG, type LogFileState, type LogKeep, listExpired, mustRotate, nameRotated } from './rotation-policy.ts';

export type LogFileOptions = {
  path: string;
  keep: LogKeep;
  /** ms since 1970. */
  now: () => number;
  /** Bytes at which the file is rotated. */
  largest?: number;
};

const DAY_MS = 24 * 60 * 60 * 1000;
/** How often a write looks whether the file is still there (a person's own clean-up may have taken it). */
const LOOK_EVERY_MS = 60_000;
/** Held in memory while the disk takes nothing; what comes on top is counted and lost. */
const MOST_HELD_BYTES = 1024 * 1024;

type Opened = { descriptor: number; inode: number; state: LogFileState };

/** Never throws: what cannot be written shows in `fault`, and Broca goes on. */
export class LogFile {
  keep: LogKeep;
  readonly #path: string;
  readonly #now: () => number;
  readonly #largest: number;
  #opened: Opened | null = null;
  #lookedAt: number;
  /** What the disk did not take yet; may begin in the middle of a line of which it took the beginning. */
  #held: Buffer = Buffer.alloc(0);
  #fault: string | null = null;
  #lost = 0;
  /** Old files go with the first line, not before: a start does not wait for it (the first date costs 4 ms). */
  #isTidied = false;

  constructor({ path, keep, now, largest }: LogFileOptions) {
    this.#path = path;
    this.keep = keep;
    this.#now = now;
    this.#largest = largest ?? LARGEST_LOG;
    this.#lookedAt = now();
    this.#open();
  }

  /** Why lines cannot be written now, and how many were lost; null when all is well. */
  get fault(): string | null {
    if (this.#fault === null) return null;
    const lost = this.#lost === 0 ? '' : `; ${this.#lost} ${this.#lost === 1 ? 'line' : 'lines'} lost`;
    return `${basename(this.#path)} cannot be written (${this.#fault})${lost}`;
  }

  write(line: string): void {
    const now = this.#now();
    if (!this.#isTidied) this.#removeExpired();
    if (Math.abs(now - this.#lookedAt) >= LOOK_EVERY_MS) this.#lookAgain(now);
    const lost = this.#lost;
    this.#append(Buffer.from(line), now);
    if (lost === 0 || this.#fault !== null) return;
    this.#lost = 0;
    this.#append(
      Buffer.from(`${JSON.stringify({ level: 'warn', time: new Date(now).toISOString(), event: 'log.lost', lines: lost })}\n`),
      now,
    );
  }

  close(): void {
    if (this.#opened !== null) closeSync(this.#opened.descriptor);
    this.#opened = null;
  }

  #append(line: Buffer, now: number): void {
    if (this.#held.length > 0 && this.#held.length + line.length > MOST_HELD_BYTES) {
      this.#lost += 1;
      this.#flush(now);
      return;
    }
    this.#held = this.#held.length === 0 ? line : Buffer.concat([this.#held, line]);
    if (this.#fault === null && this.#opened !== null && mustRotate(this.#opened.state, line.length, this.#largest, now)) this.#rotate(now);
    this.#flush(now);
  }

  #flush(now: number): void {
    if (this.#opened === null) return;
    const { descriptor, state } = this.#opened;
    try {
      while (this.#held.length > 0) {
        const bytes = writeSync(descriptor, this.#held);
        this.#held = this.#held.subarray(bytes);
        state.bytes += bytes;
        state.writtenAt = now;
      }
      this.#fault = null;
    } catch (error) {
      this.#fault = codeOf(error);
    }
  }

  /** Opens the file, or keeps the one that is open when that fails. */
  #open(): void {
    try {
      const folder = dirname(this.#path);
      makeSubfolder(dirname(folder), basename(folder));
      const descriptor = openSync(this.#path, 'a', 0o600);
      const { ino, size, mtimeMs } = fstatSync(descriptor);
      this.close();
      this.#opened = { descriptor, inode: ino, state: { bytes: size, writtenAt: size === 0 ? null : mtimeMs } };
      this.#fault = null;
    } catch (error) {
      this.#fault = codeOf(error);
    }
  }

  #lookAgain(now: number): void {
    this.#lookedAt = now;
    try {
      const inode = statSync(this.#path, { throwIfNoEntry: false })?.ino;
      if (this.#opened === null || inode !== this.#opened.inode) this.#open();
    } catch (error) {
      this.#fault = codeOf(error);
    }
  }

  #rotate(now: number): void {
    try {
      renameSync(this.#path, this.#freeName(now));
    } catch (error) {
      // With the next line again; until then the file grows, which loses nothing.
      if (codeOf(error) !== 'ENOENT') return;
    }
    this.#open();
    this.#removeExpired();
  }

  /** Two rotations may fall into the same millisecond; neither may replace the other's file. */
  #freeName(now: number): string {
    for (let at = now; ; at += 1) {
      const path = join(dirname(this.#path), nameRotated(basename(this.#path), new Date(at).toISOString()));
      if (statSync(path, { throwIfNoEntry: false }) === undefined) return path;
    }
  }

  #removeExpired(): void {
    this.#isTidied = true;
    const folder = dirname(this.#path);
    try {
      const name = basename(this.#path);
      const oldest = new Date(this.#now() - this.keep.days * DAY_MS).toISOString();
      const rotated = readdirSync(folder)
        .filter((file) => isRotated(name, file))
        .map((file) => ({ name: file, bytes: statSync(join(folder, file), { throwIfNoEntry: false })?.size ?? 0 }));
      for (const expired of listExpired(name, rotated, { oldest, bytes: this.keep.bytes })) rmSync(join(folder, expired), { force: true });
    } catch {
      // What could not be removed now is removed at the next rotation.
    }
  }
}
