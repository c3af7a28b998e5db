/**
 * The spool's way in: each `inbox/<name>.json` becomes a message. A file is removed only after its
 * message is stored, so a crash in between reads it again and finds it stored. What can never be taken
 * goes to `inbox/rejected/` with the reason beside it.
 */

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdir as readdirLater,
  readSync,
  renameSync,
  type Stats,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurnOfLoop } from 'node:timers/promises';
import { promisify } from 'node:util';
import { failed, ok, type Result } from 'animus-protocol';
import type { Inbound, Receipt } from '../message.ts';
import type { ChannelLog } from './channel.ts';
import { LONGEST_SPOOL_FILE, parseSpoolFile } from './spool-file.ts';

// node:fs/promises and node:crypto take 1 ms and 3 ms to load, at every start of every Broca.
const readdir = promisify(readdirLater);

/** Text that is not JSON and younger than this may be still being written. */
export const SETTLED_AFTER_MS = 1_000;
/** The event loop gets its turn after this much work on files. */
const LONGEST_STRETCH_MS = 10;

const REJECTED = 'rejected';
const TAKEN = /^\.(?<name>.+\.json)\.taken$/;

export type SpoolInboxHost = {
  receive(inbound: Inbound): Receipt;
  log: ChannelLog;
  now(): number;
  isStopped(): boolean;
};

/** What a look leaves behind: files to look at again, and after how long. */
export type LookResult = { kind: 'empty' } | { kind: 'again'; afterMs: number };

type Taken = { kind: 'done' } | { kind: 'young' } | { kind: 'keep'; reason: string; isStorage: boolean };

type OpenedFile = { descriptor: number; stats: Stats; bytes: Buffer };

export class SpoolInbox {
  #folder: string;
  #host: SpoolInboxHost;
  #retryMs: number;
  /** Files that could not be taken and why, so that each is said once. */
  #kept = new Map<string, string>();

  /** `retryMs`: after how long what could not be taken is tried again. */
  constructor(folder: string, host: SpoolInboxHost, retryMs: number) {
    this.#folder = folder;
    this.#host = host;
    this.#retryMs = retryMs;
  }

  /** Makes the folders, and puts back what a crash caught between storing and removing. */
  async begin(): Promise<void> {
    mkdirSync(join(this.#folder, REJECTED), { recursive: true, mode: 0o700 });
    for (const entry of await readdir(this.#folder)) {
      if (TAKEN.test(entry)) this.#putBack(entry);
    }
  }

  /** Takes every file that is there, oldest first. */
  async look(): Promise<LookResult> {
    const names = await this.#inOrder(await this.#list());
    let againMs = Number.POSITIVE_INFINITY;
    let stretchStart = performance.now();
    for (const name of names) {
      if (this.#host.isStopped()) break;
      const taken = this.#take(name);
      if (taken.kind === 'young') againMs = Math.min(againMs, SETTLED_AFTER_MS);
      if (taken.kind === 'keep') {
        this.#sayKept(name, taken.reason);
        againMs = Math.min(againMs, this.#retryMs);
        // The others would fail alike, and order would be lost.
        if (taken.isStorage) break;
      }
      if (performance.now() - stretchStart > LONGEST_STRETCH_MS) {
        await nextTurnOfLoop();
        stretchStart = performance.now();
      }
    }
    if (againMs === Number.POSITIVE_INFINITY) this.#kept.clear();
    return againMs === Number.POSITIVE_INFINITY ? { kind: 'empty' } : { kind: 'again', afterMs: againMs };
  }

  async #list(): Promise<string[]> {
    const entries = await readdir(this.#folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      mkdirSync(join(this.#folder, REJECTED), { recursive: true, mode: 0o700 });
      return [];
    });
    return entries.filter((entry) => entry.endsWith('.json') && !entry.startsWith('.'));
  }

  /** By time of writing, then by name. */
  async #inOrder(names: string[]): Promise<string[]> {
    if (names.length < 2) return names;
    const dated: { name: string; at: number }[] = [];
    let stretchStart = performance.now();
    for (const name of names) {
      const stats = lstatSync(join(this.#folder, name), { throwIfNoEntry: false });
      if (stats !== undefined) dated.push({ name, at: stats.mtimeMs });
      if (performance.now() - stretchStart > LONGEST_STRETCH_MS) {
        await nextTurnOfLoop();
        stretchStart = performance.now();
      }
    }
    return dated.sort((a, b) => a.at - b.at || (a.name < b.name ? -1 : 1)).map(({ name }) => name);
  }

  #take(name: string): Taken {
    let descriptor: number | null = null;
    try {
      const opened = this.#open(name);
      if (!opened.ok) return this.#reject(name, opened.error);
      descriptor = opened.value;
      const file = readWhole(descriptor);
      if (!file.ok) return this.#reject(name, file.error);
      return this.#hand(name, file.value);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      // Its writer took it back.
      if (code === 'ENOENT') return { kind: 'done' };
      return { kind: 'keep', reason: message, isStorage: false };
    } finally {
      if (descriptor !== null) closeSync(descriptor);
    }
  }

  #open(name: string): Result<number, string> {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    try {
      // O_NONBLOCK: opening a fifo without it waits for a writer, for ever.
      return ok(openSync(join(this.#folder, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ELOOP') return failed('it is a symbolic link');
      if (code === 'ENXIO') return failed('it is no regular file');
      if (code === 'EACCES' || code === 'EPERM') return failed('Broca may not read it');
      throw error;
    }
  }

  #hand(name: string, file: OpenedFile): Taken {
    const parsed = parseSpoolFile(file.bytes, file.stats.mtimeMs);
    if (!parsed.ok) {
      // ctime, not mtime: `cp -p` gives a half-written file an old mtime.
      const isYoung = Math.abs(this.#host.now() - file.stats.ctimeMs) < SETTLED_AFTER_MS;
      return parsed.error.kind === 'not-json' && isYoung ? { kind: 'young' } : this.#reject(name, parsed.error.reason);
    }
    const receipt = this.#host.receive(parsed.value);
    switch (receipt.kind) {
      case 'stored':
      case 'duplicate':
        this.#remove(name, file);
        return { kind: 'done' };
      case 'refused':
        return this.#reject(name, receipt.reason);
      case 'unavailable':
        return { kind: 'keep', reason: receipt.reason, isStorage: true };
    }
  }

  /** Removes the file that was read, and no other: a writer may have renamed a new one to its name meanwhile. */
  #remove(name: string, read: OpenedFile): void {
    const taken = `.${stemOf(name)}.json.taken`;
    renameSync(join(this.#folder, name), join(this.#folder, taken));
    const there = lstatSync(join(this.#folder, taken));
    const now = fstatSync(read.descriptor);
    const isSame = there.ino === now.ino && there.dev === now.dev && now.size === read.stats.size && now.mtimeMs === read.stats.mtimeMs;
    if (isSame) unlinkSync(join(this.#folder, taken));
    else this.#putBack(taken);
  }

  /** Under a name of its own, so that it hides no newer file; read again it is a message or a duplicate. */
  #putBack(taken: string): void {
    const name = TAKEN.exec(taken)?.groups?.name ?? 'message.json';
    renameSync(join(this.#folder, taken), join(this.#folder, `${stemOf(name)}.${crypto.randomUUID()}.json`));
  }

  #reject(name: string, reason: string): Taken {
    const folder = join(this.#folder, REJECTED);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (let count = 0; ; count += 1) {
      const stem = count === 0 ? stemOf(name) : `${stemOf(name)}.${count}`;
      const place = join(folder, `${stem}.json`);
      const explanation = join(folder, `${stem}.error.txt`);
      if (lstatSync(place, { throwIfNoEntry: false }) !== undefined || !writeNew(explanation, `${reason}\n`)) continue;
      try {
        renameSync(join(this.#folder, name), place);
      } catch (error) {
        unlinkSync(explanation);
        throw error;
      }
      this.#host.log.warn('spool-file-rejected', { file: name, as: `${stem}.json`, reason });
      return { kind: 'done' };
    }
  }

  #sayKept(name: string, reason: string): void {
    if (this.#kept.get(name) === reason) return;
    this.#kept.set(name, reason);
    this.#host.log.warn('spool-file-kept', { file: name, reason });
  }
}

/** A file's name without `.json`, short enough that what we add to it still is a name (255 bytes). */
function stemOf(name: string): string {
  const stem = name.slice(0, -'.json'.length);
  return Buffer.byteLength(stem) <= 200 ? stem : stem.slice(0, 50).toWellFormed();
}

function readWhole(descriptor: number): Result<OpenedFile, string> {
  const stats = fstatSync(descriptor);
  if (stats.isDirectory()) return failed('it is a folder');
  if (!stats.isFile()) return failed('it is no regular file');
  if (stats.size > LONGEST_SPOOL_FILE) return failed(`it is longer than ${LONGEST_SPOOL_FILE} bytes`);
  // One byte more than there should be: a file that grows while it is read is not settled, and fails as JSON.
  const buffer = Buffer.allocUnsafe(stats.size + 1);
  let length = 0;
  for (let read = 1; read > 0 && length < buffer.length; length += read)
    read = readSync(descriptor, buffer, length, buffer.length - length, null);
  return ok({ descriptor, stats, bytes: buffer.subarray(0, length) });
}

/** Creates a file; false when there is one already. */
function writeNew(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
