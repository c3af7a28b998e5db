/**
 * One Broca, put together: the inbox, queue, turns and outbox over its database, its channels, and the
 * socket on which a supervisor and the CLI find it.
 *
 *     start → socket open (hello) → ready: messages are taken, what was begun is recovered
 *             on probation: ready, but shut until an update has decided
 *     stop  → no new turn; the turn in hand until its deadline; due parts handed over; channels, socket,
 *             database closed
 */

import { join } from 'node:path';
import { type BrocaConfig, failed, formatProblem, type Result, readBrocaConfig, VERSION } from 'animus-protocol';
import type { ComposedPart } from '../channel/channel.ts';
import { consolePlugin } from '../channel/console.ts';
import { shippedPlugins } from '../channel/find.ts';
import type { LoadedChannel } from '../channel/guard.ts';
import { type Channels, createChannels } from '../channel/load.ts';
import { createSpool, type Spool } from '../channel/spool.ts';
import { type ChannelStates, createChannelStates } from '../channel/state.ts';
import { createInbox, type Inbox } from '../inbox/receive.ts';
import type { AttachmentReceipt, AttachmentSource } from '../message.ts';
import { ChannelGate } from '../outbox/channel-gate.ts';
import { runDeliverLoop } from '../outbox/deliver-loop.ts';
import { splitText } from '../outbox/split-policy.ts';
import { createOutbox, type Outbox } from '../outbox/sqlite-outbox.ts';
import { createUserBlocks } from '../people/user-blocks.ts';
import { openInHand } from '../queue/in-hand.ts';
import { createQueue, type Queue } from '../queue/sqlite-queue.ts';
import type { Turn } from '../queue/turn.ts';
import { TurnEvents } from '../queue/turn-events.ts';
import { readFact } from '../store/facts.ts';
import type { Statement } from '../store/open.ts';
import { Reserve, type SettlingWrite } from '../store/reserve.ts';
import { createRetain } from '../store/retention.ts';
import type { Letta } from '../turn/letta.ts';
import { createLettaRest } from '../turn/letta-rest.ts';
import { LettaStanding } from '../turn/letta-standing.ts';
import { asksAgent } from '../turn/mode-policy.ts';
import { createTurnFiles } from '../turn/turn-files.ts';
import { runTurnLoop } from '../turn/turn-loop.ts';
import { Alarm } from './alarm.ts';
import { Condition } from './condition.ts';
import { type BrocaIdentity, helloOf } from './hello.ts';
import { startHousekeeping } from './housekeeping.ts';
import type { OpenFolder } from './open-folder.ts';
import { Probation } from './probation.ts';
import { Pulse } from './pulse.ts';
import { reload } from './reload-policy.ts';
import { type BrocaSocket, listenOnSocket } from './socket.ts';

/** What takes long to load and can wait (pino, Letta's library) waits this long: whoever awaits `ready` is answered first. */
const BREATH_MS = 50;

type Delivery = { gate: ChannelGate; alarm: Alarm };

export class Broca {
  /** Settles when everything is closed; rejects when a loop met a fault of ours. */
  readonly ended: Promise<void>;
  #open: OpenFolder;
  #identity: BrocaIdentity;
  #config: BrocaConfig;
  #condition: Condition;
  #events = new TurnEvents(() => this.#pulse.soon());
  #turnAlarm = new Alarm();
  #standing = new LettaStanding(() => this.#socket?.beat(), Date.now() + BREATH_MS);
  #deliveries = new Map<string, Delivery>();
  #drainTurns = new AbortController();
  #drainParts = new AbortController();
  #stopNow = new AbortController();
  #stopping = Promise.withResolvers<void>();
  #probation: Probation;
  #pulse = new Pulse();
  #reserve: Reserve;
  #settling: SettlingWrite = (write) => this.#reserve.settle(write);
  #inbox: Inbox;
  #outbox: Outbox;
  #states: ChannelStates;
  #turnEnd: Statement<[number], { state: string; outcome: string | null; reason: string | null }>;
  /** Under a supervisor one process watches all inboxes and nudges: inotify instances are few. */
  #spool: Spool;
  #channels: Channels | null = null;
  #socket: BrocaSocket | null = null;

  constructor(open: OpenFolder, identity: BrocaIdentity) {
    this.#open = open;
    this.#identity = identity;
    this.#config = open.config;
    this.#probation = new Probation(open.folder, identity.release);
    this.#condition = new Condition({
      folder: open.folder,
      store: open.store,
      log: open.log,
      calledFor: identity.nonce === null ? null : open.config.agentId,
      mode: () => this.#config.mode,
      letta: () => this.#standing.state,
      channels: () => this.#channels,
      eventLoopDelayMs: () => this.#pulse.delayMs,
      onNews: () => this.#socket?.beat(),
    });
    const { storage } = this.#condition;
    this.#turnEnd = open.store.prepare('SELECT state, outcome, reason FROM turns WHERE id = ?');
    this.#spool = createSpool({ isAlone: identity.nonce === null, refreshMs: () => this.#config.queueRefreshMs });
    this.#reserve = new Reserve(join(open.folder, 'run', 'reserve'));
    this.#states = createChannelStates(open.store, (fault) => storage.notStored(fault));
    this.#outbox = createOutbox(open.store, (channel, text) => this.#compose(channel, text), Date.now, this.#settling);
    this.#inbox = createInbox(
      open.store,
      Date.now,
      (turnId) => {
        open.log.debug('message-stored', { turn: turnId });
        storage.stored();
        this.#turnAlarm.ring();
      },
      {
        limits: () => this.#config.limits,
        isShort: () => this.#reserve.isSpent,
        onStorage: (fault) => storage.notStored(fault),
      },
    );
    this.#condition.configurationRead(open.problems);
    this.ended = this.#run();
  }

  /** Takes no new turn, waits for the one in hand, hands over what is due, closes; cuts short after the deadline. */
  stop(deadlineMs: number, reason: string): void {
    if (this.#drainTurns.signal.aborted) return;
    this.#open.log.info('stopping', { reason, deadlineMs });
    this.#socket?.tell({ type: 'stopping', at: Date.now(), reason });
    this.#drainTurns.abort();
    this.#stopping.resolve();
    const deadline = setTimeout(() => this.#stopNow.abort(), deadlineMs);
    const clear = () => clearTimeout(deadline);
    this.ended.then(clear, clear);
  }

  /** Leaves the turn in hand as it is and closes at once; the next process finds out what became of it. */
  stopNow(): void {
    this.stop(0, 'asked again');
    this.#stopNow.abort();
  }

  reload(): void {
    const { config, problems } = readBrocaConfig(this.#open.folder);
    this.#condition.configurationRead(problems);
    if (config === null) return void this.#open.log.warn('configuration-kept', { problems: problems.map(formatProblem) });
    const { config: next, needsRestart } = reload(this.#config, config);
    this.#config = next;
    this.#open.log.setLevel(next.logLevel);
    this.#open.log.addSecrets(next.secrets);
    this.#open.log.setKeep({ days: next.logKeepDays, bytes: next.logKeepBytes });
    this.#open.log.info('configuration-applied', { mode: next.mode, needsRestart });
    this.#condition.restartNeeded(needsRestart);
    this.#standing.lookNow();
    this.#wake();
    // A supervisor starts it again at once, with the new values; alone, a person has to.
    if (needsRestart.length > 0 && this.#identity.nonce !== null) this.stop(30_000, `changed: ${needsRestart.join(', ')}`);
  }

  async #run(): Promise<void> {
    const { store, folder, log } = this.#open;
    const queue = createQueue(store, this.#outbox, Date.now, this.#settling);
    const { endpoint, apiKey, agentId } = this.#config;
    const letta = createLettaRest({
      endpoint,
      apiKey,
      agentId,
      log,
      onForeground: (reason) => this.#condition.lettaForeground(reason),
      readImage: async (image) => await (await import('../attachments/store.ts')).readAttachment(folder, image),
    });
    this.#socket = await this.#listen();
    const channels = await this.#loadChannels();
    this.#channels = channels;
    await this.#serveProbation(letta);
    if (!this.#drainTurns.signal.aborted) await this.#work(queue, letta, channels);
    await letta.close();
    this.#pulse.stop();
    await this.#socket.close();
    log.info('stopped');
    log.close();
    store.close();
    this.#open.lock.release();
  }

  /** Messages, turns and replies, from ready to the end of all of them. */
  async #work(queue: Queue, letta: Letta, channels: Channels): Promise<void> {
    const { store, folder, log } = this.#open;
    const turns = runTurnLoop(
      {
        queue,
        letta,
        inHand: openInHand(join(folder, 'run', 'in-hand')),
        reserve: this.#reserve,
        files: createTurnFiles(folder, () => this.#config.images),
        retain: createRetain(store, () => this.#config.retention),
        blocks: createUserBlocks(store, letta),
        standing: this.#standing,
        config: () => this.#config,
        clock: Date.now,
        random: Math.random,
        alarm: this.#turnAlarm,
        newestMessageId: () => readFact(store, 'newest_message_id'),
        channelTitle: (name) => channels.titleOf(name),
        events: this.#events,
        onTurnBegin: (turn) => this.#turnBegins(turn),
        onReply: (channel) => this.#deliveries.get(channel)?.alarm.ring(),
        onStorage: (fault) => this.#condition.storage.loop('turns', fault),
        onTurnEnd: (turn) => this.#turnEnded(turn),
      },
      { drain: this.#drainTurns.signal, stop: this.#stopNow.signal },
    );
    const deliveries = channels.list().map((channel) => this.#deliver(channel));
    this.#becomeReady();
    this.#reserve.refill();
    const started = channels.start();
    const housekeeping = startHousekeeping(store, folder, channels.list(), log);

    const loops = Promise.all([turns, ...deliveries]);
    await Promise.race([this.#stopping.promise, loops]);
    await turns;
    this.#drainParts.abort();
    await loops;
    await started;
    await channels.stop();
    await housekeeping.stop();
  }

  #becomeReady(): void {
    const { log, folder } = this.#open;
    const at = Date.now();
    const startMs = at - this.#identity.startedAt;
    if (this.#probation.isOver) log.info('ready', { startMs, folder, mode: this.#config.mode });
    else log.info('on-probation', { startMs });
    this.#socket?.ready({ type: 'ready', at, startMs });
    setTimeout(() => void log.load(), BREATH_MS).unref();
    this.#pulse.start(
      () => this.#socket?.beat(),
      () => this.#wake(),
      () => this.#config.queueRefreshMs,
    );
  }

  /** Whoever tries this release out sees that it stands: database, plugins, Letta. Nothing is taken in or sent. */
  async #serveProbation(letta: Letta): Promise<void> {
    if (this.#probation.isOver) return;
    this.#becomeReady();
    const signal = this.#drainTurns.signal;
    if (asksAgent(this.#config)) void letta.check(signal).then((check) => this.#standing.probed(check, Date.now()));
    await this.#probation.serve(signal);
    this.#pulse.stop();
  }

  /** Gives what is to be called when the turn has ended. */
  #turnBegins({ channel, account, chat }: Turn): () => void {
    const over = new AbortController();
    this.#channel(channel)?.working({ account, chat }, over.signal);
    return () => over.abort();
  }

  #turnEnded(turn: Turn): void {
    const end = this.#turnEnd.get(turn.id);
    const isOver = end?.state === 'settled' || end?.state === 'parked';
    if (isOver) this.#condition.turnSettled();
    this.#open.log.info(isOver ? 'turn-ended' : 'turn-waits', {
      turn: turn.id,
      channel: turn.channel,
      chat: turn.chat,
      ...end,
      ms: Date.now() - turn.createdAt,
    });
  }

  async #listen(): Promise<BrocaSocket> {
    const { folder, store } = this.#open;
    const probation = this.#probation;
    return await listenOnSocket(join(folder, 'run', 'broca.sock'), {
      hello: helloOf(this.#identity, this.#config.agentId, probation),
      beat: () => this.#condition.beat(),
      stop: (deadlineMs) => this.stop(deadlineMs, 'asked to stop'),
      supervised: (isSupervised) => this.#spool.setAlone(!isSupervised),
      reload: () => this.reload(),
      nudge: (channel) => this.#channels?.nudge(channel),
      command: async (name, args, signal): Promise<Result<unknown, string>> => {
        // Who asks during a probation is answered when it is over.
        await probation.over;
        // Loaded with the first request, so that a start does not wait for it.
        const { COMMANDS } = await import('../commands/commands.ts');
        const command = COMMANDS[name];
        if (command === undefined) return failed(`this Broca (${VERSION}) does not know the command ${name}: update it`);
        const live = {
          receive: this.#inbox.receive,
          events: this.#events,
          wake: () => this.#wake(),
          reload: () => this.reload(),
          isShort: () => this.#reserve.isSpent,
          channel: (channel: string) => this.#channel(channel) ?? null,
          compose: (channel: string, text: string) => this.#compose(channel, text),
        };
        return await command(args, { store, folder, now: Date.now, live, signal });
      },
    });
  }

  async #loadChannels(): Promise<Channels> {
    const { folder, log } = this.#open;
    return await createChannels({
      plugins: this.#config.plugins,
      environment: this.#config.environment,
      folder,
      releaseFolder: this.#identity.releaseFolder,
      builtIn: [consolePlugin, this.#spool.plugin],
      shipped: shippedPlugins(this.#identity.releaseFolder),
      log,
      receiveAll: (inbounds, changed) =>
        this.#inbox.receiveAll(inbounds, changed === undefined ? undefined : () => this.#states.change(changed.channel, changed.changes)),
      stateOf: (channel) => this.#states.of(channel),
      isIgnored: (channel, sender) => this.#inbox.isIgnored(channel, sender),
      storeAttachment: async (source, name) => await this.#storeAttachment(source, name),
      onState: (channel) => {
        const delivery = this.#deliveries.get(channel.name);
        if (channel.health().state === 'up') delivery?.gate.open();
        delivery?.alarm.ring();
        this.#socket?.beat();
      },
    });
  }

  async #storeAttachment(source: AttachmentSource, name: string | null): Promise<AttachmentReceipt> {
    if (this.#reserve.isSpent) return { kind: 'unavailable', reason: 'the disk is full' };
    // Loaded with the first file, so that a start does not wait for it.
    const { storeAttachment } = await import('../attachments/store.ts');
    const { attachmentBytes: largestBytes } = this.#config.limits;
    return await storeAttachment(this.#open.folder, source, { largestBytes, ...(name === null ? {} : { name }) });
  }

  /** Hands over what goes to this channel; parts of one that failed to load wait in the outbox. */
  async #deliver(loaded: LoadedChannel): Promise<void> {
    const { channel, capabilities } = loaded;
    if (channel === null || capabilities === null) return;
    const delivery: Delivery = { gate: new ChannelGate(), alarm: new Alarm() };
    this.#deliveries.set(loaded.name, delivery);
    await runDeliverLoop(
      {
        name: loaded.name,
        capabilities,
        channel,
        sendableAt: () => (loaded.isUp ? delivery.gate.opensAt() : Number.POSITIVE_INFINITY),
        wentDown: () => delivery.gate.shut(Date.now()),
        outbox: this.#outbox,
        inHand: openInHand(join(this.#open.folder, 'run', `in-hand-${loaded.name}`)),
        events: this.#events,
        alarm: delivery.alarm,
        clock: Date.now,
        giveUpAfterMs: () => this.#config.giveUpAfterMs,
        onStorage: (fault) => this.#condition.storage.loop(loaded.name, fault),
      },
      { drain: this.#drainParts.signal, stop: this.#stopNow.signal },
    );
  }

  #wake(): void {
    this.#turnAlarm.ring();
    for (const { alarm } of this.#deliveries.values()) alarm.ring();
  }

  #channel(name: string): LoadedChannel | undefined {
    return this.#channels?.list().find((channel) => channel.name === name);
  }

  #compose(name: string, text: string): readonly (string | ComposedPart)[] {
    const channel = this.#channel(name);
    return channel?.compose(text) ?? splitText(text, channel?.capabilities?.longestPart ?? null);
  }

  /** True when a fault that nobody caught was a plugin's, which is stopped by now; false when it is ours. */
  blame(error: unknown): boolean {
    return this.#channels?.blame(error) ?? false;
  }
}
