/**
 * The spool: files in `inbox/` are messages, files in `outbox/` are parts of replies. Other programs and
 * other agents talk this way. Under a supervisor one process watches all inboxes and nudges (inotify
 * instances are few); alone, Broca watches its own.
 */
import { type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { makeSubfolder } from '../make-subfolder.ts';
import type { Channel, ChannelContext, ChannelPlugin } from './channel.ts';
import { SpoolInbox } from './spool-inbox.ts';
import { createSpoolOutbox } from './spool-outbox.ts';

/** Files left behind, or an inbox that cannot be watched, are looked at no more often than this. */
const SHORTEST_RECHECK_MS = 5_000;

export type SpoolOptions = {
  /** Whether it watches its inbox itself, because nobody nudges it. */
  isAlone: boolean;
  /** `queue_refresh`, as it is now. */
  refreshMs(): number;
};

export type Spool = {
  plugin: ChannelPlugin;
  /** A supervisor came (it nudges from now on) or went. Looks at the inbox either way: something may have been missed. */
  setAlone(isAlone: boolean): void;
};

export function createSpool(options: SpoolOptions): Spool {
  let { isAlone } = options;
  let intake: SpoolIntake | null = null;
  const create = (context: ChannelContext): Channel => {
    const outbox = createSpoolOutbox(join(context.folder, 'outbox'));
    const created = new SpoolIntake(context, options.refreshMs);
    intake = created;
    return {
      start: async () => created.start(isAlone),
      stop: async () => await created.stop(),
      nudge: () => created.lookNow(),
      prepare: async (part) => await outbox.prepare(part),
      deliver: async (part) => await outbox.deliver(part),
    };
  };
  return {
    plugin: {
      name: 'spool',
      title: 'Spool',
      capabilities: { idempotent: true, longestPart: null, markup: 'markdown', atOnce: 32 },
      enabledByDefault: true,
      settings: v.object({}),
      create,
    },
    setAlone(alone) {
      isAlone = alone;
      intake?.setAlone(alone);
    },
  };
}

/** When the inbox is looked at: one look at a time, another right after when something came meanwhile. */
class SpoolIntake {
  #context: ChannelContext;
  #refreshMs: () => number;
  #folder: string;
  #inbox: SpoolInbox;
  #state: 'new' | 'running' | 'stopped' = 'new';
  #looking: Promise<void> | null = null;
  #isNewsWaiting = false;
  #timer: NodeJS.Timeout | null = null;
  #watcher: FSWatcher | null = null;
  #isAlone = false;
  #hasBegun = false;
  #isUnwatchedSaid = false;

  constructor(context: ChannelContext, refreshMs: () => number) {
    this.#context = context;
    this.#refreshMs = refreshMs;
    this.#folder = join(context.folder, 'inbox');
    this.#inbox = new SpoolInbox(
      this.#folder,
      {
        receiveAll: (inbounds) => context.receiveAll(inbounds),
        storeAttachment: (source, about) => context.storeAttachment(source, about),
        log: context.log,
        now: Date.now,
        isStopped: () => this.#state === 'stopped',
      },
      SHORTEST_RECHECK_MS,
    );
  }

  start(isAlone: boolean): void {
    this.#state = 'running';
    this.setAlone(isAlone);
  }

  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#unwatch();
    this.#cancelTimer();
    await this.#looking;
  }

  setAlone(isAlone: boolean): void {
    if (this.#state !== 'running') return;
    this.#isAlone = isAlone;
    if (!isAlone) this.#unwatch();
    this.lookNow();
  }

  lookNow(): void {
    if (this.#state !== 'running') return;
    if (this.#looking === null) this.#looking = this.#look();
    else this.#isNewsWaiting = true;
  }

  async #look(): Promise<void> {
    this.#cancelTimer();
    let againMs: number | null = null;
    do {
      this.#isNewsWaiting = false;
      againMs = await this.#lookOnce();
    } while (this.#isNewsWaiting && this.#state === 'running');
    this.#looking = null;
    if (againMs !== null && this.#state === 'running') this.#timer = setTimeout(() => this.lookNow(), againMs);
  }

  /** Looks once; gives after how long to look again, or null when a nudge or the watcher will tell. */
  async #lookOnce(): Promise<number | null> {
    const recheckMs = Math.max(SHORTEST_RECHECK_MS, this.#refreshMs());
    try {
      if (!this.#hasBegun) {
        makeSubfolder(this.#context.folder, 'outbox');
        await this.#inbox.begin();
        this.#hasBegun = true;
      }
      // Before the look: what comes after the look began is then seen by one of both.
      if (this.#isAlone) this.#watch();
      const result = await this.#inbox.look();
      this.#context.setState('up');
      const unwatchedMs = this.#isAlone && this.#watcher === null ? recheckMs : null;
      return result.kind === 'empty' ? unwatchedMs : result.afterMs;
    } catch (error) {
      this.#context.setState('down', `inbox cannot be read: ${(error as Error).message}`);
      return recheckMs;
    }
  }

  #watch(): void {
    if (this.#watcher !== null) return;
    try {
      const watcher = watch(this.#folder, (_event, name) => {
        // The folder itself was moved or removed: what is watched is no longer the inbox.
        if (name === 'inbox') this.#unwatch();
        if (name === null || name === 'inbox' || (name.endsWith('.json') && !name.startsWith('.'))) this.lookNow();
      });
      watcher.on('error', () => this.#unwatch());
      this.#watcher = watcher;
      this.#isUnwatchedSaid = false;
    } catch (error) {
      if (!this.#isUnwatchedSaid) this.#context.log.warn('spool-not-watched', { reason: (error as Error).message });
      this.#isUnwatchedSaid = true;
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = null;
  }

  #cancelTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
