/**
 * Watches a home for its people: new and removed agent folders, changed files, messages in spool inboxes. Never an
 * agent's folder itself, which would wake the supervisor at every database commit (path-watch.ts).
 */
import path from 'node:path';
import { type AgentId, agentIdOfFolder } from 'animus-protocol';
import { type FSWatcher, watch } from 'chokidar';
import { type AgentPaths, agentPaths, homePaths } from '../home/paths.ts';
import type { Clock } from '../worker/clock.ts';
import { describeWatchFailure, PathWatch } from './path-watch.ts';

export type HomeListener = {
  /** A folder of the home came or went. */
  folders(): void;
  fleetConfig(): void;
  /** `.env` or `settings.json`; of a broken agent also its plugins and its release. */
  agentFile(agent: AgentId, file: string): void;
  inbox(agent: AgentId): void;
  failed(reason: string): void;
};

/** An editor writes a file in several steps, a deploy several files. */
const SETTLE_MS = 200;
/** Many files may be dropped at once; Broca looks at the whole inbox when told. */
const INBOX_SETTLE_MS = 5;
/** The kernel has no more to give; chokidar tells of each folder that it could not watch. */
const USED_UP = ['ENOSPC', 'EMFILE', 'ENFILE'];

export class HomeWatch {
  #home: string;
  #config: string;
  #listener: HomeListener;
  #clock: Clock;
  #folders: FSWatcher;
  #paths: PathWatch;
  /** The kernel watches no folders for us: they are looked at. */
  #looksAtFolders = false;
  #told = new Set<string>();
  #pending = new Map<string, () => void>();

  constructor(home: string, clock: Clock, listener: HomeListener) {
    this.#home = home;
    this.#config = homePaths(home).config;
    this.#listener = listener;
    this.#clock = clock;
    this.#folders = watch(home, { depth: 0, ignoreInitial: true });
    // What came while it looked around first is told of by nobody else.
    this.#folders.on('ready', () => this.#takeFolders());
    this.#folders.on('all', (_event, changed) => this.#takeFolderEvent(changed));
    this.#folders.on('error', (error) => this.#takeFailure(error));
    this.#paths = new PathWatch(clock, { changed: (file) => this.#takePath(file), failed: (reason) => this.#tellFailure(reason) });
    this.#paths.add(this.#config);
  }

  add(agent: AgentId): void {
    const { environment, settings, inbox } = agentPaths(this.#home, agent);
    this.#paths.add(environment);
    this.#paths.add(settings);
    this.#paths.add(inbox, 'entries');
  }

  remove(agent: AgentId): void {
    const { environment, settings, inbox } = agentPaths(this.#home, agent);
    for (const each of [environment, settings, inbox]) this.#paths.remove(each);
    this.attend(agent, false);
  }

  /** What may mend a broken agent besides its two files: looked at only while it is broken. */
  attend(agent: AgentId, isBroken: boolean): void {
    for (const each of remedies(agentPaths(this.#home, agent))) {
      if (isBroken) this.#paths.add(each, 'tree');
      else this.#paths.remove(each);
    }
  }

  async close(): Promise<void> {
    for (const cancel of this.#pending.values()) cancel();
    this.#paths.close();
    await this.#folders.close();
  }

  #takeFolderEvent(changed: string): void {
    if (agentIdOfFolder(path.basename(changed)) !== null && path.dirname(changed) === this.#home) this.#takeFolders();
  }

  #takePath(changed: string): void {
    if (changed === this.#config) return void this.#settled(changed, SETTLE_MS, () => this.#listener.fleetConfig());
    if (changed === this.#home) return void this.#takeFolders();
    if (path.basename(changed) === 'inbox') return void this.#takeInbox(changed);
    const [folder = '', ...inFolder] = path.relative(this.#home, changed).split(path.sep);
    const agent = agentIdOfFolder(folder);
    if (agent !== null) this.#settled(changed, SETTLE_MS, () => this.#listener.agentFile(agent, inFolder.join('/')));
  }

  #takeFolders(): void {
    this.#settled(this.#home, SETTLE_MS, () => {
      // A folder that was moved away has taken along what the kernel watches.
      this.#paths.lookAtAll();
      this.#listener.folders();
    });
  }

  #takeInbox(inbox: string): void {
    const agent = agentIdOfFolder(path.basename(path.dirname(inbox)));
    if (agent !== null) this.#settled(inbox, INBOX_SETTLE_MS, () => this.#listener.inbox(agent));
  }

  #takeFailure(error: unknown): void {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (!USED_UP.includes(code)) return void this.#tellFailure(error instanceof Error ? error.message : String(error));
    if (this.#looksAtFolders) return;
    this.#looksAtFolders = true;
    this.#tellFailure(describeWatchFailure(code));
    this.#paths.add(this.#home, 'entries');
  }

  /** Files and folders meet the same bound. */
  #tellFailure(reason: string): void {
    if (!this.#told.has(reason)) this.#listener.failed(reason);
    this.#told.add(reason);
  }

  #settled(key: string, ms: number, call: () => void): void {
    this.#pending.get(key)?.();
    const cancel = this.#clock.after(ms, () => {
      this.#pending.delete(key);
      call();
    });
    this.#pending.set(key, cancel);
  }
}

function remedies({ currentRelease, plugins }: AgentPaths): string[] {
  return [currentRelease, plugins];
}
