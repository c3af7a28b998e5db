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
  openSync,
  readdir as readdirLater,
  readSync,
  renameSync,
  type Stats,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setImmediate as nextTurnOfLoop } from 'node:timers/promises';
import { promisify } from 'node:util';
import { failed, ok, type Result } from 'animus-protocol';
import { monotonicMs } from '../lifecycle/monotonic.ts';
import { makeSubfolder } from '../make-subfolder.ts';
import type { Inbound, Receipt } from '../message.ts';
import type { ChannelLog } from './channel.ts';
import { isSame, type StoreFile, type TakenFile, takeFiles } from './spool-attachments.ts';
import { LONGEST_SPOOL_FILE, parseSpoolFile } from './spool-file.ts';

// node:fs/promises and node:crypto take 1 ms and 3 ms to load, at every start of every Broca.
const readdir = promisify(readdirLater);

/** Text that is not JSON and younger than this may be still being written. */
export const SETTLED_AFTER_MS = 1_000;
/** The event loop gets its turn after this much work on files. */
const LONGEST_STRETCH_MS = 10;

/** Files stored in one go: one commit instead of as many. */
const MOST_TOGETHER = 32;

const REJECTED = 'rejected';
const TAKEN = /^\.(?<name>.+\.json)\.taken$/;

export type SpoolInboxHost = {
  receiveAll(inbounds: readonly Inbound[]): Receipt[];
  storeAttachment: StoreFile;
  log: ChannelLog;
  now(): number;
  isStopped(): boolean;
};

/** What a look leaves behind: files to look at again, and after how long. */
export type LookResult = { kind: 'empty' } | { kind: 'again'; afterMs: number };

type Taken =
  | { kind: 'done' }
  | { kind: 'young' }
  /** An earlier message of its chat could not be taken yet. */
  | { kind: 'behind' }
  | { kind: 'keep'; reason: string; isStorage: boolean };

/** A file that holds a message, open until it is stored and removed. */
type ReadFile = { name: string; file: OpenedFile; inbound: Inbound; names: string[]; files: TakenFile[] };

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
    this.#makeFolders();
    for (const entry of await readdir(this.#folder)) {
      if (TAKEN.test(entry)) this.#putBack(entry);
    }
  }

  /** Takes every file that is there, oldest first. */
  async look(): Promise<LookResult> {
    const names = await this.#inOrder(await this.#list());
    let againMs = Number.POSITIVE_INFINITY;
    let stretchStart = monotonicMs();
    let isStorageWell = true;
    const held = new Set<string>();
    for (let first = 0; first < names.length && isStorageWell && !this.#host.isStopped(); first += MOST_TOGETHER) {
      for (const { name, taken } of await this.#takeFew(names.slice(first, first + MOST_TOGETHER), held)) {
        if (taken.kind === 'young') againMs = Math.min(againMs, SETTLED_AFTER_MS);
        if (taken.kind !== 'keep') continue;
        this.#sayKept(name, taken.reason);
        againMs = Math.min(againMs, this.#retryMs);
        // The others would fail alike, and order would be lost.
        if (taken.isStorage) isStorageWell = false;
      }
      if (monotonicMs() - stretchStart > LONGEST_STRETCH_MS) {
        await nextTurnOfLoop();
        stretchStart = monotonicMs();
      }
    }
    if (againMs === Number.POSITIVE_INFINITY) this.#kept.clear();
    return againMs === Number.POSITIVE_INFINITY ? { kind: 'empty' } : { kind: 'again', afterMs: againMs };
  }

  async #list(): Promise<string[]> {
    const entries = await readdir(this.#folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      this.#makeFolders();
      return [];
    });
    return entries.filter((entry) => entry.endsWith('.json') && !entry.startsWith('.'));
  }

  /** By time of writing, then by name. */
  async #inOrder(names: string[]): Promise<string[]> {
    if (names.length < 2) return names;
    const dated: { name: string; at: number }[] = [];
    let stretchStart = monotonicMs();
    for (const name of names) {
      const stats = lstatSync(join(this.#folder, name), { throwIfNoEntry: false });
      if (stats !== undefined) dated.push({ name, at: stats.mtimeMs });
      if (monotonicMs() - stretchStart > LONGEST_STRETCH_MS) {
        await nextTurnOfLoop();
        stretchStart = monotonicMs();
      }
    }
    return dated.sort((a, b) => a.at - b.at || (a.name < b.name ? -1 : 1)).map(({ name }) => name);
  }

  /** Stores the messages of a few files in one commit, then removes or rejects each file. `held`: chats in which one already waits. */
  async #takeFew(names: readonly string[], held: Set<string>): Promise<{ name: string; taken: Taken }[]> {
    const results: { name: string; taken: Taken }[] = [];
    const read: ReadFile[] = [];
    try {
      for (const name of names) {
        const found = this.#read(name);
        if ('file' in found) read.push(found);
        else results.push({ name, taken: found });
      }
      const ready = await this.#attachAll(read, results, held);
      const receipts = this.#host.receiveAll(ready.map(({ inbound }) => inbound));
      for (const [index, file] of ready.entries()) {
        const receipt = receipts[index] ?? { kind: 'unavailable', reason: 'it got no receipt' };
        results.push({ name: file.name, taken: orKeep(() => this.#finish(file, receipt)) });
      }
    } finally {
      for (const { file } of read) closeSync(file.descriptor);
    }
    return results;
  }

  /**
   * Those whose messages can be stored now, with their files stored; what became of the others is added to `results`.
   * Those behind a message that waits for its files wait with it: a chat keeps its order.
   */
  async #attachAll(read: readonly ReadFile[], results: { name: string; taken: Taken }[], held: Set<string>): Promise<ReadFile[]> {
    const ready: ReadFile[] = [];
    for (const each of read) {
      const taken = await this.#attach(each, held);
      if (taken === null) ready.push(each);
      else results.push({ name: each.name, taken });
      if (taken?.kind === 'young' || taken?.kind === 'keep') held.add(each.inbound.chat);
      // The others would fail alike, and order would be lost.
      if (taken?.kind === 'keep' && taken.isStorage) break;
    }
    return ready;
  }

  /** Null when all that the message names is stored. */
  async #attach(read: ReadFile, held: ReadonlySet<string>): Promise<Taken | null> {
    if (held.has(read.inbound.chat)) return { kind: 'behind' };
    if (read.names.length === 0) return null;
    const found = await takeFiles(this.#folder, read.names, this.#isYoung(read.file), this.#host.storeAttachment);
    switch (found.kind) {
      case 'taken':
        read.inbound.attachments.push(...found.attachments);
        read.files.push(...found.files);
        return null;
      case 'refused':
        return orKeep(() => this.#reject(read.name, found.reason));
      case 'unfinished':
        return { kind: 'young' };
      case 'unavailable':
        return { kind: 'keep', reason: found.reason, isStorage: true };
    }
  }

  /** ctime, not mtime: `cp -p` gives a half-written file an old mtime. */
  #isYoung({ stats }: OpenedFile): boolean {
    return Math.abs(this.#host.now() - stats.ctimeMs) < SETTLED_AFTER_MS;
  }

  /** The message of a file, which stays open; or what became of the file without one. */
  #read(name: string): ReadFile | Taken {
    let descriptor: number | null = null;
    let found: ReadFile | null = null;
    const taken = orKeep(() => {
      const opened = this.#open(name);
      if (!opened.ok) return this.#reject(name, opened.error);
      descriptor = opened.value;
      const file = readWhole(descriptor);
      if (!file.ok) return this.#reject(name, file.error);
      const parsed = parseSpoolFile(file.value.bytes, file.value.stats.mtimeMs);
      if (!parsed.ok) {
        const isYoung = parsed.error.kind === 'not-json' && this.#isYoung(file.value);
        return isYoung ? { kind: 'young' } : this.#reject(name, parsed.error.reason);
      }
      const { inbound, files: names } = parsed.value;
      found = { name, file: file.value, inbound, names, files: [] };
      return { kind: 'done' };
    });
    if (found !== null) return found;
    if (descriptor !== null) closeSync(descriptor);
    return taken;
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

  #finish({ name, file, files }: ReadFile, receipt: Receipt): Taken {
    switch (receipt.kind) {
      case 'stored':
      case 'duplicate':
        // Before the message: should we die between the two, it is read again, and found to be stored.
        this.#removeFiles(files);
        this.#remove(name, file);
        return { kind: 'done' };
      case 'refused':
        return this.#reject(name, receipt.reason);
      case 'unavailable':
        return { kind: 'keep', reason: receipt.reason, isStorage: true };
    }
  }

  #removeFiles(files: readonly TakenFile[]): void {
    for (const { name, stats } of files) {
      const there = lstatSync(join(this.#folder, name), { throwIfNoEntry: false });
      if (there !== undefined && isSame(there, stats)) unlinkSync(join(this.#folder, name));
    }
  }

  /** Removes the file that was read, and no other: a writer may have renamed a new one to its name meanwhile. */
  #remove(name: string, read: OpenedFile): void {
    const taken = `.${stemOf(name)}.json.taken`;
    renameSync(join(this.#folder, name), join(this.#folder, taken));
    const there = lstatSync(join(this.#folder, taken));
    const now = fstatSync(read.descriptor);
    if (isSame(there, now) && isSame(now, read.stats)) unlinkSync(join(this.#folder, taken));
    else this.#putBack(taken);
  }

  /** Under a name of its own, so that it hides no newer file; read again it is a message or a duplicate. */
  #putBack(taken: string): void {
    const name = TAKEN.exec(taken)?.groups?.name ?? 'message.json';
    renameSync(join(this.#folder, taken), join(this.#folder, `${stemOf(name)}.${crypto.randomUUID()}.json`));
  }

  #reject(name: string, reason: string): Taken {
    const folder = this.#makeFolders();
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

  #makeFolders(): string {
    return makeSubfolder(dirname(this.#folder), basename(this.#folder), REJECTED);
  }

  #sayKept(name: string, reason: string): void {
    if (this.#kept.get(name) === reason) return;
    this.#kept.set(name, reason);
    this.#host.log.warn('spool-file-kept', { file: name, reason });
  }
}

/** A file that cannot be dealt with now stays, with the reason; one that is gone is done. */
function orKeep(deal: () => Taken): Taken {
  try {
    return deal();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // Its writer took it back.
    if (code === 'ENOENT') return { kind: 'done' };
    return { kind: 'keep', reason: message, isStorage: false };
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
