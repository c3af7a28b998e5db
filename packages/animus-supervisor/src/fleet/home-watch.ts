/**
 * Watches a home for its people: new and removed agent folders, changed files, messages in spool inboxes.
 * Never an agent's folder itself, which would wake the supervisor at every database commit: the two files
 * in it are looked at every few seconds instead, the inbox beside them is watched.
 */
import path from 'node:path';
import { type AgentId, agentIdOfFolder } from 'animus-protocol';
import { type FSWatcher, watch } from 'chokidar';
import { agentPaths, homePaths } from '../home/paths.ts';
import type { Clock } from '../worker/clock.ts';

export type HomeListener = {
  /** A folder of the home came or went. */
  folders(): void;
  fleetConfig(): void;
  /** `.env` or `settings.json`. */
  agentFile(agent: AgentId, file: string): void;
  inbox(agent: AgentId): void;
  failed(reason: string): void;
};

/** 100 files looked at this often cost 30 ms of CPU in 30 s, measured. */
const LOOK_AT_FILES_MS = 3_000;
/** An editor writes a file in several steps, a deploy several files. */
const SETTLE_MS = 200;
/** Many files may be dropped at once; Broca looks at the whole inbox when told. */
const INBOX_SETTLE_MS = 5;

export class HomeWatch {
  #home: string;
  #listener: HomeListener;
  #clock: Clock;
  #folders: FSWatcher;
  #files: FSWatcher;
  #pending = new Map<string, () => void>();

  constructor(home: string, clock: Clock, listener: HomeListener) {
    this.#home = home;
    this.#clock = clock;
    this.#listener = listener;
    this.#folders = watch(home, { depth: 0, ignoreInitial: true });
    this.#files = watch([], { backend: 'polling', pollingInterval: LOOK_AT_FILES_MS, ignoreInitial: true });
    this.#folders.on('all', (_event, changed) => this.#takeFolderEvent(changed));
    this.#files.on('all', (_event, changed) => this.#takeFileEvent(changed));
    for (const each of [this.#folders, this.#files]) {
      each.on('error', (error) => this.#listener.failed(error instanceof Error ? error.message : String(error)));
    }
  }

  add(agent: AgentId): void {
    const { environment, settings, inbox } = agentPaths(this.#home, agent);
    this.#files.add([environment, settings]);
    this.#folders.add(inbox);
  }

  remove(agent: AgentId): void {
    const { environment, settings, inbox } = agentPaths(this.#home, agent);
    this.#files.unwatch([environment, settings]);
    this.#folders.unwatch(inbox);
  }

  async close(): Promise<void> {
    for (const cancel of this.#pending.values()) cancel();
    await Promise.all([this.#folders.close(), this.#files.close()]);
  }

  #takeFolderEvent(changed: string): void {
    const folder = path.dirname(changed);
    if (path.basename(folder) === 'inbox') {
      const agent = agentIdOfFolder(path.basename(path.dirname(folder)));
      if (agent !== null) this.#settled(folder, INBOX_SETTLE_MS, () => this.#listener.inbox(agent));
    } else if (changed === homePaths(this.#home).config) {
      this.#settled(changed, SETTLE_MS, () => this.#listener.fleetConfig());
    } else if (agentIdOfFolder(path.basename(changed)) !== null && folder === this.#home) {
      this.#settled(this.#home, SETTLE_MS, () => this.#listener.folders());
    }
  }

  #takeFileEvent(changed: string): void {
    const agent = agentIdOfFolder(path.basename(path.dirname(changed)));
    if (agent === null) return;
    this.#settled(changed, SETTLE_MS, () => this.#listener.agentFile(agent, path.basename(changed)));
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
