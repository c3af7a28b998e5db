/**
 * A file that lines are appended to at once, so that what happened last before a crash is there. Beyond its bound it
 * is set aside as `.1`: two files are all that is ever left. Never throws: a full disk must not end the supervisor.
 */
import { closeSync, fstatSync, openSync, readSync, renameSync, statSync, writeSync } from 'node:fs';

export class BoundedFile {
  readonly #path: string;
  readonly #largest: number;
  #opened: { descriptor: number; bytes: number } | null = null;
  /** The disk took a line only in part: the next one must not go on in it. */
  #isTorn = false;

  /** `largest` in bytes, of each of the two files. */
  constructor(path: string, largest: number) {
    this.#path = path;
    this.#largest = largest;
  }

  /** `text` is whole lines. False when the disk did not take it; it is lost then. */
  append(text: string): boolean {
    const bytes = Buffer.from(text);
    try {
      const opened = this.#ready(bytes.length);
      const whole = this.#isTorn ? Buffer.concat([Buffer.from('\n'), bytes]) : bytes;
      const written = writeSync(opened.descriptor, whole);
      opened.bytes += written;
      this.#isTorn = written < whole.length;
      return !this.#isTorn;
    } catch {
      return false;
    }
  }

  close(): void {
    if (this.#opened !== null) closeSync(this.#opened.descriptor);
    this.#opened = null;
  }

  /** The open file, with room for as many bytes. */
  #ready(length: number): { descriptor: number; bytes: number } {
    const opened = this.#opened ?? this.#open();
    if (opened.bytes === 0 || opened.bytes + length <= this.#largest) return opened;
    // A person's own rotation may have taken it away.
    if (statSync(this.#path, { throwIfNoEntry: false }) !== undefined) renameSync(this.#path, `${this.#path}.1`);
    this.close();
    return this.#open();
  }

  #open(): { descriptor: number; bytes: number } {
    const descriptor = openSync(this.#path, 'a+', 0o600);
    const bytes = fstatSync(descriptor).size;
    const last = Buffer.alloc(1);
    if (bytes > 0) readSync(descriptor, last, 0, 1, bytes - 1);
    this.#isTorn = bytes > 0 && last.toString() !== '\n';
    this.#opened = { descriptor, bytes };
    return this.#opened;
  }
}
