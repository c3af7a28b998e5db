/**
 * `logs/broca.log` as a place to write lines to: synchronously and in this process, so that the last line
 * before a `kill -9` is there. Rotation is looked at when a line is written; no timer wakes an idle Broca.
 *
 * SonicBoom (`pino.destination`) does the writing. The rotating destinations were measured and are not
 * used: pino-roll costs each worker 3.8 MB (PSS; it brings date-fns), rotating-file-stream writes
 * asynchronously and loses the last lines at a kill.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pino } from 'pino';
import { codeOf } from '../config/load.ts';
import { LARGEST_LOG, type LogFileState, listExpired, mustRotate, nameRotated } from './rotation-policy.ts';

export type LogFileOptions = {
  path: string;
  keepDays: number;
  /** ms since 1970. */
  now: () => number;
  largest?: number;
};

const DAY_MS = 24 * 60 * 60 * 1000;
/** How often a write looks whether the file is still there (a person's own clean-up may have taken it). */
const LOOK_EVERY_MS = 60_000;
/** Lines held in memory while the disk takes none; what comes on top is counted and lost. */
const MOST_HELD_BYTES = 1024 * 1024;

type Stream = ReturnType<typeof pino.destination>;
type Opened = { stream: Stream; inode: number; state: LogFileState };

/** Never throws: what cannot be written shows in `fault`, and Broca goes on. */
export class LogFile {
  keepDays: number;
  readonly #path: string;
  readonly #now: () => number;
  readonly #largest: number;
  #opened: Opened | null = null;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #fault: string | null = null;
  #lost = 0;

  constructor({ path, keepDays, now, largest }: LogFileOptions) {
    this.#path = path;
    this.keepDays = keepDays;
    this.#now = now;
    this.#largest = largest ?? LARGEST_LOG;
    this.#open();
    this.#removeExpired();
  }

  /** Why lines cannot be written now, and how many were lost; null when all is well. */
  get fault(): string | null {
    if (this.#fault === null) return null;
    return `${basename(this.#path)} cannot be written (${this.#fault})${this.#lost > 0 ? `; ${this.#lost} lines lost` : ''}`;
  }

  write(line: string): void {
    try {
      this.#write(line, this.#now());
      if (this.#lost === 0 || this.#fault !== null) return;
      const lines = this.#lost;
      this.#lost = 0;
      const time = new Date(this.#now()).toISOString();
      this.#write(`${JSON.stringify({ level: 'warn', time, event: 'log.lost', lines })}\n`, this.#now());
    } catch (error) {
      this.#fault = codeOf(error);
    }
  }

  close(): void {
    this.#opened?.stream.destroy();
    this.#opened = null;
  }

  #write(line: string, now: number): void {
    const bytes = Buffer.byteLength(line);
    if (Math.abs(now - this.#lookedAt) >= LOOK_EVERY_MS) this.#lookAgain(now);
    if (this.#opened !== null && this.#fault === null && mustRotate(this.#opened.state, bytes, this.#largest, now)) this.#rotate(now);
    if (this.#opened === null) {
      this.#lost += 1;
      return;
    }
    const { stream, state } = this.#opened;
    stream.write(line);
    state.bytes += bytes;
    state.writtenAt = now;
  }

  #open(): void {
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      const stream = pino.destination({ dest: this.#path, sync: true, append: true, mode: 0o600, maxLength: MOST_HELD_BYTES });
      // A failed write is kept by SonicBoom and tried again with the next line.
      stream.on('error', (error: unknown) => {
        this.#fault = codeOf(error);
      });
      stream.on('write', () => {
        this.#fault = null;
      });
      stream.on('drop', () => {
        this.#lost += 1;
      });
      const { ino, size, mtimeMs } = statSync(this.#path);
      const former = this.#opened;
      this.#opened = { stream, inode: ino, state: { bytes: size, writtenAt: size === 0 ? null : mtimeMs } };
      this.#fault = null;
      former?.stream.destroy();
    } catch (error) {
      this.#fault = codeOf(error);
    }
  }

  #lookAgain(now: number): void {
    this.#lookedAt = now;
    const inode = statSync(this.#path, { throwIfNoEntry: false })?.ino;
    if (this.#opened === null || inode !== this.#opened.inode) this.#open();
  }

  /** A new stream rather than `reopen()`: when that fails half-way, its next success closes the old descriptor twice. */
  #rotate(now: number): void {
    try {
      renameSync(this.#path, this.#freeName(now));
    } catch (error) {
      // One more look in a minute; until then the file grows, which loses nothing.
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
    const folder = dirname(this.#path);
    try {
      const oldest = new Date(this.#now() - this.keepDays * DAY_MS).toISOString();
      for (const name of listExpired(basename(this.#path), readdirSync(folder), oldest)) rmSync(join(folder, name), { force: true });
    } catch {
      // What could not be removed now is removed at the next rotation.
    }
  }
}
