/**
 * Tells when single files change, or what is in a folder, without watching the folders they are in: an agent's folder
 * changes with every commit of its database. The kernel tells at once and at no cost (inotify on the path itself); what is
 * not there, or what the kernel will not watch (its watches are used up), is looked at every few seconds, and everything
 * now and then, for file systems that tell nothing of what other machines write.
 */
import { type FSWatcher, lstatSync, readdirSync, statSync, watch } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../worker/clock.ts';

export type PathListener = {
  changed(file: string): void;
  failed(reason: string): void;
};

/** What of a path counts. `file` and `entries` (of a folder) are followed by the kernel where it can, `tree` by looking. */
export type PathKind = 'file' | 'entries' | 'tree';

type Followed = { kind: PathKind; stamp: string; watcher: FSWatcher | null };

/** 600 files looked at this often cost 40 ms of CPU in 30 s, measured. */
const LOOK_EVERY_MS = 3_000;
/** Of the looks, each tenth is at every file. */
const LOOKS_UNTIL_ALL = 10;
/** A plugin is a folder of a few files; what it installed is not looked through. */
const TREE_DEPTH = 3;

export class PathWatch {
  #clock: Clock;
  #listener: PathListener;
  #followed = new Map<string, Followed>();
  #looks = 0;
  #cancel: () => void;

  constructor(clock: Clock, listener: PathListener) {
    this.#clock = clock;
    this.#listener = listener;
    this.#cancel = clock.after(LOOK_EVERY_MS, () => this.#lookAround());
  }

  add(file: string, kind: PathKind = 'file'): void {
    if (this.#followed.has(file)) return;
    const followed: Followed = { kind, stamp: stampOf(file, kind), watcher: null };
    this.#followed.set(file, followed);
    this.#arm(file, followed);
  }

  remove(file: string): void {
    this.#followed.get(file)?.watcher?.close();
    this.#followed.delete(file);
  }

  lookAtAll(): void {
    for (const [file, followed] of [...this.#followed]) this.#look(file, followed);
  }

  close(): void {
    this.#cancel();
    for (const file of [...this.#followed.keys()]) this.remove(file);
  }

  #lookAround(): void {
    this.#looks += 1;
    if (this.#looks % LOOKS_UNTIL_ALL === 0) this.lookAtAll();
    else for (const [file, followed] of [...this.#followed]) if (followed.watcher === null) this.#look(file, followed);
    this.#cancel = this.#clock.after(LOOK_EVERY_MS, () => this.#lookAround());
  }

  /** What is written into a file of a folder shows in no stamp of the folder. */
  #hear(file: string, followed: Followed, name: string | null): void {
    if (this.#followed.get(file) !== followed) return;
    // The folder itself is gone; one made in its place may have the same inode number.
    if (followed.kind === 'entries' && name === path.basename(file)) followed.watcher = disarm(followed);
    const before = followed.stamp;
    this.#look(file, followed);
    if (followed.kind === 'entries' && followed.stamp === before) this.#listener.changed(file);
  }

  /** An editor that writes by rename puts another file in its place, which the kernel does not watch yet. */
  #look(file: string, followed: Followed): void {
    if (this.#followed.get(file) !== followed) return;
    const before = followed.stamp;
    followed.stamp = stampOf(file, followed.kind);
    if (followed.stamp === before && followed.watcher !== null) return;
    if (followed.watcher === null || !isSameFolder(followed, before)) this.#arm(file, followed);
    // What was written while nobody watched.
    followed.stamp = stampOf(file, followed.kind);
    if (followed.stamp !== before) this.#listener.changed(file);
  }

  #arm(file: string, followed: Followed): void {
    followed.watcher = disarm(followed);
    if (followed.kind === 'tree' || followed.stamp === '') return;
    try {
      const watcher = watch(file, { persistent: false }, (_event, name) => this.#hear(file, followed, name));
      watcher.on('error', () => {
        watcher.close();
        if (followed.watcher === watcher) followed.watcher = null;
      });
      followed.watcher = watcher;
    } catch (error) {
      this.#tellFailure(error);
    }
  }

  #tellFailure(error: unknown): void {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    if (code !== 'ENOENT') this.#listener.failed(describeWatchFailure(code));
  }
}

/** What a person can do about it. */
export function describeWatchFailure(code: string): string {
  const instead = 'changes are looked for every few seconds instead';
  if (code === 'ENOSPC') return `the kernel watches no more files for this user (fs.inotify.max_user_watches); ${instead}`;
  if (code === 'EMFILE') return `the kernel gives this user no more watchers (fs.inotify.max_user_instances); ${instead}`;
  return `${code}; ${instead}`;
}

function disarm({ watcher }: Followed): null {
  watcher?.close();
  return null;
}

/** What its watcher was made for is still there. */
function isSameFolder({ kind, stamp }: Followed, before: string): boolean {
  return kind === 'entries' && stamp.split(' ')[0] === before.split(' ')[0];
}

/** By this it is seen that something changed; '' where there is nothing. */
function stampOf(file: string, kind: PathKind): string {
  if (kind === 'tree') return stampOfTree(file, TREE_DEPTH);
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return '';
  return kind === 'entries' ? `${stat.ino} ${stat.mtimeMs}` : `${stat.ino} ${stat.size} ${stat.mtimeMs} ${stat.ctimeMs}`;
}

/** Links are not followed: where a release's link leads is what counts, and a plugin must not lead us about. */
function stampOfTree(file: string, depth: number): string {
  const stat = lstatSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return '';
  const own = `${path.basename(file)} ${stat.ino} ${stat.size} ${stat.mtimeMs}`;
  if (!stat.isDirectory() || depth === 0) return own;
  const names = readFolder(file).filter((name) => name !== 'node_modules');
  return [own, ...names.map((name) => stampOfTree(path.join(file, name), depth - 1))].join('\n');
}

function readFolder(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
