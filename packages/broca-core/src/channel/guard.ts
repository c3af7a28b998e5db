/**
 * Stands between Broca and the code of one channel plugin. Nothing a plugin throws passes: a fault in
 * `create`, `start`, `nudge`, a timer or a forgotten promise stops that plugin alone, with its reason
 * in health. All code of a plugin runs in an async context by which such a fault finds its plugin.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { type ChannelHealth, failed, type Result } from 'animus-protocol';
import { parseInbound, parseSender } from '../inbox/parse-inbound.ts';
import type { AttachmentReceipt, AttachmentSource, DeliveryOutcome, Inbound, Part, Receipt, Sender } from '../message.ts';
import type {
  Channel,
  ChannelCapabilities,
  ChannelCommandContext,
  ChannelContext,
  ChannelLog,
  ChannelPlugin,
  ChannelState,
  ComposedPart,
  StateChanges,
} from './channel.ts';
import { parseChanges, parseChannel, parseComposed, parseDeliveryOutcome } from './parse-plugin.ts';
import { sleepUntil, unansweredAfter } from './patience.ts';

/** How long a plugin may take to stop before Broca goes on without it. */
const STOP_TIMEOUT_MS = 5_000;

/** A channel that settings ask for, whether or not its plugin works. */
export type LoadedChannel = {
  readonly name: string;
  readonly title: string;
  /** Null when its plugin could not be read, so nobody knows. */
  readonly capabilities: ChannelCapabilities | null;
  /** Null when the plugin has failed. No call of it throws, except that `prepare` rejects as its contract says. */
  readonly channel: Channel | null;
  /** As its plugin says, which may not have found out yet that nobody listens. */
  readonly isUp: boolean;
  /** Of a channel that is up and answered `down` to the newest part: down, with that reason. */
  health(): ChannelHealth;
  /** These three never reject. */
  start(): Promise<void>;
  stop(): Promise<void>;
  nudge(): void;
  /** Null when the channel leaves it to its `longestPart`, or failed at it. */
  compose(text: string): readonly ComposedPart[] | null;
  working(where: { account: string; chat: string }, over: AbortSignal): void;
  /** Never rejects. */
  command(
    name: string,
    args: Record<string, unknown>,
    context: Pick<ChannelCommandContext, 'now' | 'signal'>,
  ): Promise<Result<unknown, string>>;
};

/** A plugin whose `deliver` gives back no outcome so many times in a row is stopped: what it does with parts, nobody can tell. */
const MOST_FAULTS = 3;

/** What a guard needs of Broca. */
export type GuardHost = {
  folder: string;
  environment: Readonly<Record<string, string>>;
  log: ChannelLog;
  receiveAll(inbounds: readonly Inbound[], changes?: { channel: string; changes: StateChanges }): Receipt[];
  stateOf(channel: string): ChannelState;
  isIgnored(channel: string, sender: Sender): boolean;
  /** Never rejects. */
  storeAttachment(source: AttachmentSource, name: string | null): Promise<AttachmentReceipt>;
  onState(channel: LoadedChannel): void;
};

const NOT_STORED: Receipt = { kind: 'unavailable', reason: 'Broca failed to store it' };

/** The guard whose plugin's code runs now; null while Broca's own code runs. */
const inPlugin = new AsyncLocalStorage<ChannelGuard | null>();

/** The guard of the plugin that an error belongs to. Call it inside the handler of uncaughtException or unhandledRejection. */
export function guardAtFault(): ChannelGuard | null {
  return inPlugin.getStore() ?? null;
}

export class ChannelGuard implements LoadedChannel {
  readonly name: string;
  #title: string;
  #capabilities: ChannelCapabilities | null = null;
  #host: GuardHost;
  #plugin: ChannelPlugin | null = null;
  #settings: unknown = null;
  #inner: Channel | null = null;
  #state: ChannelHealth['state'] = 'starting';
  #reason: string | null = null;
  /** Hand-overs in a row that gave back no outcome. */
  #faultsInRow = 0;
  /** Why the newest part was answered with `down`; null when it was not. */
  #refusal: string | null = null;

  constructor(name: string, host: GuardHost) {
    this.name = name;
    this.#title = name;
    this.#host = host;
  }

  get title(): string {
    return this.#title;
  }

  get capabilities(): ChannelCapabilities | null {
    return this.#capabilities;
  }

  get channel(): Channel | null {
    const inner = this.#inner;
    if (inner === null || this.#state === 'failed') return null;
    const guarded: Channel = {
      start: () => this.start(),
      stop: () => this.stop(),
      nudge: () => this.nudge(),
      deliver: (part, signal) => this.#deliver(part, signal),
    };
    if (inner.prepare !== undefined) guarded.prepare = async (part) => await this.#run(async () => await inner.prepare?.(part));
    return guarded;
  }

  get isUp(): boolean {
    return this.#state === 'up';
  }

  health(): ChannelHealth {
    if (this.isUp && this.#refusal !== null) return { name: this.name, state: 'down', reason: this.#refusal };
    const health: ChannelHealth = { name: this.name, state: this.#state };
    return this.#reason === null ? health : { ...health, reason: this.#reason };
  }

  /** Runs code of the plugin so that a fault in it is known as the plugin's, also when it comes later. */
  async contain<T>(code: () => T | Promise<T>): Promise<T> {
    return await this.#run(code);
  }

  /** Makes the channel; false when the plugin failed. */
  create(plugin: ChannelPlugin, settings: unknown): boolean {
    this.#plugin = plugin;
    this.#settings = settings;
    this.#title = plugin.title;
    this.#capabilities = { ...plugin.capabilities };
    try {
      const created = parseChannel(this.#run(() => plugin.create(this.#context(plugin, settings))));
      if (created.ok) this.#inner = created.value;
      else this.fail(created.error);
    } catch (error) {
      this.fail(`create() failed: ${describe(error)}`);
    }
    return this.#inner !== null && this.#state !== 'failed';
  }

  async start(): Promise<void> {
    const inner = this.#inner;
    if (inner === null || this.#isOver()) return;
    try {
      await this.#run(async () => await inner.start());
      if (this.#state === 'starting') this.#become('up', null);
    } catch (error) {
      this.fail(`start() failed: ${describe(error)}`);
    }
  }

  async stop(): Promise<void> {
    if (this.#isOver()) return;
    await this.#stopInner();
    if (!this.#isOver()) this.#become('stopped', null);
  }

  nudge(): void {
    const inner = this.#inner;
    if (inner?.nudge === undefined || this.#isOver()) return;
    try {
      this.#run(() => inner.nudge?.());
    } catch (error) {
      this.fail(`nudge() failed: ${describe(error)}`);
    }
  }

  compose(text: string): readonly ComposedPart[] | null {
    const inner = this.#inner;
    if (inner?.compose === undefined || this.#state === 'failed') return null;
    try {
      const composed = parseComposed(this.#run(() => inner.compose?.(text)));
      if (composed.ok) return composed.value;
      this.#host.log.error('channel-compose-failed', { channel: this.name, reason: composed.error });
    } catch (error) {
      this.#host.log.error('channel-compose-failed', { channel: this.name, reason: describe(error) });
    }
    return null;
  }

  working(where: { account: string; chat: string }, over: AbortSignal): void {
    const inner = this.#inner;
    if (inner?.working === undefined || this.#isOver()) return;
    try {
      this.#run(() => inner.working?.(where, over));
    } catch (error) {
      this.fail(`working() failed: ${describe(error)}`);
    }
  }

  async command(
    name: string,
    args: Record<string, unknown>,
    context: Pick<ChannelCommandContext, 'now' | 'signal'>,
  ): Promise<Result<unknown, string>> {
    const plugin = this.#plugin;
    if (plugin === null) return failed(this.#reason ?? `the channel ${this.name} does not run`);
    const { environment } = this.#context(plugin, null);
    const channel = this.#isOver() ? null : this.#inner;
    const full = { ...context, settings: this.#settings, state: this.#stateOf(), environment, folder: this.#host.folder, channel };
    return await this.#run(async () => await runPluginCommand(plugin, name, args, full));
  }

  /** Stops the plugin for good and says why. What it still throws afterwards changes nothing. */
  fail(reason: string): void {
    if (this.#state === 'failed') return;
    this.#host.log.error('channel-failed', { channel: this.name, reason });
    const wasOver = this.#isOver();
    this.#become('failed', reason);
    if (!wasOver) void this.#stopInner();
  }

  #isOver(): boolean {
    return this.#state === 'failed' || this.#state === 'stopped';
  }

  #become(state: ChannelHealth['state'], reason: string | null): void {
    if (this.#state === state && this.#reason === reason) return;
    this.#state = state;
    this.#reason = reason;
    this.#leave(() => this.#host.onState(this));
  }

  async #stopInner(): Promise<void> {
    const inner = this.#inner;
    if (inner === null) return;
    const timeout = new AbortController();
    const stopped = this.#run(async () => await inner.stop()).catch((error: unknown) => {
      this.#host.log.error('channel-stop-failed', { channel: this.name, reason: describe(error) });
    });
    await Promise.race([stopped, sleepUntil(STOP_TIMEOUT_MS, timeout.signal)]);
    timeout.abort();
  }

  async #deliver(part: Part, signal: AbortSignal): Promise<DeliveryOutcome> {
    const inner = this.#inner;
    if (inner === null || this.#isOver()) return { kind: 'down', reason: this.#reason ?? 'the channel is stopped' };
    const done = new AbortController();
    const faultsBefore = this.#faultsInRow;
    const answer = this.#run(async () => parseDeliveryOutcome(await inner.deliver(part, signal))).catch((error: unknown) =>
      failed(describe(error)),
    );
    const outcome = await Promise.race([answer, unansweredAfter(signal, done.signal)]);
    // A reason of its own, since the default one is an error with a stack, made for each part.
    done.abort(null);
    if (!outcome.ok) return this.#deliverFailed(part, outcome.error, faultsBefore);
    this.#faultsInRow = 0;
    this.#refuses(outcome.value.kind === 'down' ? outcome.value.reason : null);
    return outcome.value;
  }

  /** Told when it begins and when it ends, not with each part. */
  #refuses(reason: string | null): void {
    const before = this.#refusal;
    this.#refusal = reason;
    if ((before === null) === (reason === null)) return;
    if (reason === null) this.#host.log.info('channel-takes-parts', { channel: this.name });
    else this.#host.log.warn('channel-down', { channel: this.name, reason });
    this.#leave(() => this.#host.onState(this));
  }

  /** Whether the part arrived is open. Those that were on their way side by side count as one. */
  #deliverFailed(part: Part, reason: string, faultsBefore: number): DeliveryOutcome {
    this.#host.log.error('channel-deliver-failed', { channel: this.name, turn: part.turnId, part: part.number, reason });
    if (this.#faultsInRow === faultsBefore) this.#faultsInRow += 1;
    if (this.#faultsInRow >= MOST_FAULTS) this.fail(`deliver() failed ${this.#faultsInRow} times in a row, at last: ${reason}`);
    return { kind: 'uncertain', reason };
  }

  #context(plugin: ChannelPlugin, settings: unknown): ChannelContext {
    const readable = new Set(plugin.environment ?? []);
    return {
      settings,
      folder: this.#host.folder,
      environment: (key) => (readable.has(key) ? this.#host.environment[key] : undefined),
      log: {
        info: (event, fields) => this.#host.log.info(event, { ...fields, channel: this.name }),
        warn: (event, fields) => this.#host.log.warn(event, { ...fields, channel: this.name }),
        error: (event, fields) => this.#host.log.error(event, { ...fields, channel: this.name }),
      },
      receive: (inbound) => this.#receive([inbound])[0] ?? NOT_STORED,
      receiveAll: (inbounds, changes) => this.#receive(inbounds, changes),
      state: this.#stateOf(),
      isIgnored: (sender) => {
        const parsed = parseSender(sender);
        return this.#ours(() => this.#host.isIgnored(this.name, parsed), true);
      },
      storeAttachment: (source, about) => this.#storeAttachment(source, about?.name),
      setState: (state, reason) => {
        if (state === 'up') this.#refuses(null);
        if (!this.#isOver()) this.#become(state, reason ?? (state === 'down' ? 'the channel gave no reason' : null));
      },
    };
  }

  #stateOf(): ChannelState {
    const state = this.#host.stateOf(this.name);
    return {
      get: (key) => {
        const name = String(key);
        return this.#ours(() => state.get(name), null);
      },
      list: (prefix) => {
        const beginning = String(prefix);
        return this.#ours(() => state.list(beginning), []);
      },
      put: (changes) => {
        const parsed = parseChanges(changes);
        return !this.#isOver() && this.#ours(() => state.put(parsed), false);
      },
    };
  }

  #receive(handed: readonly Inbound[], changes: StateChanges = {}): Receipt[] {
    if (this.#isOver()) return handed.map(() => ({ kind: 'unavailable', reason: 'the channel is stopped' }));
    const parsed = handed.map((inbound) => parseInbound({ ...inbound, channel: this.name }));
    const receipts = this.#store(
      parsed.flatMap((inbound) => (inbound.ok ? [inbound.value] : [])),
      parseChanges(changes),
    );
    return parsed.map((inbound) => (inbound.ok ? (receipts.shift() ?? NOT_STORED) : { kind: 'refused', reason: inbound.error }));
  }

  async #storeAttachment(source: unknown, name: unknown): Promise<AttachmentReceipt> {
    if (this.#isOver()) return { kind: 'unavailable', reason: 'the channel is stopped' };
    const named = typeof name === 'string' ? name : null;
    if (!isSource(source)) {
      const reason = 'the channel gave neither bytes nor a stream of them';
      return { kind: 'refused', reason, attachment: { missed: reason, ...(named === null ? {} : { name: named }) } };
    }
    return await this.#host.storeAttachment(source, named);
  }

  #store(inbounds: readonly Inbound[], changes: StateChanges): Receipt[] {
    if (inbounds.length === 0 && Object.keys(changes).length === 0) return [];
    return this.#ours(() => this.#host.receiveAll(inbounds, { channel: this.name, changes }), []);
  }

  /** Broca's own code called by a plugin: what it throws must not be swallowed by the plugin, nor blamed on it. */
  #ours<T>(code: () => T, otherwise: T): T {
    try {
      return this.#leave(code);
    } catch (error) {
      this.#leave(() =>
        queueMicrotask(() => {
          throw error;
        }),
      );
      return otherwise;
    }
  }

  #run<T>(code: () => T): T {
    return inPlugin.run(this, code);
  }

  /** Runs Broca's own code called by a plugin; what it sets going is not the plugin's. */
  #leave<T>(code: () => T): T {
    return inPlugin.run(null, code);
  }
}

function isSource(source: unknown): source is AttachmentSource {
  return source instanceof Uint8Array || (typeof source === 'object' && source !== null && Symbol.asyncIterator in source);
}

/** Never rejects: a plugin's fault is an answer. */
export async function runPluginCommand(
  plugin: ChannelPlugin,
  name: string,
  args: Record<string, unknown>,
  context: ChannelCommandContext,
): Promise<Result<unknown, string>> {
  const command = Object.hasOwn(plugin.commands ?? {}, name) ? plugin.commands?.[name] : undefined;
  if (command === undefined) return failed(`the channel ${plugin.name} of this Broca does not know the command ${name}: update it`);
  try {
    return await command(args, context);
  } catch (error) {
    return failed(`${plugin.name}: ${describe(error)}`);
  }
}

export function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
