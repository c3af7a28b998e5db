/** How a running Broca is: what it tells in a beat, and what a person should know of it. */
import {
  type BrocaBeat,
  type ChannelHealth,
  describeSetAside,
  findSetAside,
  formatProblem,
  type LettaState,
  type Problem,
} from 'animus-protocol';
import type { Channels } from '../channel/load.ts';
import { asTyped } from '../cli/typed-policy.ts';
import type { Log } from '../log/log.ts';
import type { Store } from '../store/open.ts';
import { createFigures, type StoredFigures } from './figures.ts';
import { Problems } from './problems.ts';
import { StorageNews } from './storage-news.ts';

export type ConditionSources = {
  folder: string;
  store: Store;
  log: Log;
  /** How a person who looks at this Broca's health calls its agent in `animus`; null when they type `broca`. */
  calledFor: string | null;
  mode(): string;
  letta(): LettaState;
  /** Null until they are loaded. */
  channels(): Channels | null;
  eventLoopDelayMs(): number;
  /** Something changed that should not wait for the next beat. */
  onNews(): void;
};

export class Condition {
  readonly storage: StorageNews;
  #sources: ConditionSources;
  #problems = new Problems();
  #figures: () => StoredFigures;
  /** Damaged databases that wait for a person. */
  #setAside: readonly string[];
  /** Turns settled or parked since the start. */
  #settled = 0;

  constructor(sources: ConditionSources) {
    this.#sources = sources;
    this.#figures = createFigures(sources.store);
    this.#setAside = findSetAside(sources.folder);
    this.storage = new StorageNews(this.#problems, sources.log, sources.onNews);
  }

  configurationRead(problems: readonly Problem[]): void {
    this.#problems.set('configuration', problems.map(formatProblem));
  }

  /** Keys whose change waits for a new start. */
  restartNeeded(keys: readonly string[]): void {
    const change = `the change of ${keys.join(', ')}`;
    // Its supervisor starts it again as soon as the turn in hand is over.
    const told = this.#sources.calledFor === null ? `restart Broca to apply ${change}` : `Broca is about to restart, to apply ${change}`;
    this.#problems.set('restart', keys.length > 0 ? [told] : []);
  }

  /** Null: this Letta runs turns in the background, or none was asked yet. */
  lettaForeground(reason: string | null): void {
    const text = `Letta runs turns in the foreground only (${reason}): one whose answer is cut off may end parked`;
    this.#problems.set('foreground', reason === null ? [] : [text]);
  }

  turnSettled(): void {
    this.#settled += 1;
  }

  beat(): BrocaBeat {
    const { mode, letta, channels, eventLoopDelayMs } = this.#sources;
    const { uncertain, ...queue } = this.#figures();
    this.#look(queue.parked, uncertain);
    const list = channels()?.list() ?? [];
    return {
      type: 'beat',
      at: Date.now(),
      eventLoopDelayMs: eventLoopDelayMs(),
      mode: mode(),
      queue: { ...queue, settled: this.#settled },
      letta: letta(),
      channels: list.map((channel) => this.#hinted(channel.health())),
      problems: this.#problems.list(),
      faults: this.#problems.faults(),
    };
  }

  /** A channel's reason may name a command. */
  #hinted(health: ChannelHealth): ChannelHealth {
    return health.reason === undefined ? health : { ...health, reason: this.#asTyped(health.reason) };
  }

  #asTyped(hint: string): string {
    return asTyped(hint, this.#sources.calledFor);
  }

  #look(parked: number, uncertain: number): void {
    const { folder, log, channels } = this.#sources;
    const queueList = this.#asTyped('broca queue list');
    // None comes while a Broca runs, so the folder is looked at again only while there are some.
    if (this.#setAside.length > 0) this.#setAside = findSetAside(folder);
    const asides = this.#setAside.map((name) => describeSetAside(name, queueList));
    this.#problems.set('damaged', asides, 'fault');
    const logFault = log.fault();
    this.#problems.set('log', logFault === null ? [] : [logFault], 'fault');
    this.storage.forgetOld();
    this.#problems.set('parked', parked > 0 ? [`${turns(parked)} parked: ${queueList}`] : []);
    this.#problems.set('uncertain', uncertain > 0 ? [`${parts(uncertain)} may or may not have been delivered: ${queueList}`] : []);
    this.#problems.set('channels', channels()?.problems.map(formatProblem) ?? []);
  }
}

function turns(count: number): string {
  return count === 1 ? '1 turn is' : `${count} turns are`;
}

function parts(count: number): string {
  return count === 1 ? '1 part' : `${count} parts`;
}
