/** Everything around a Broca that outlives it (database file, Letta, platform, clock), and one Broca at a time in it. */
import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { type BrocaConfig, DEFAULT_LIMITS, type Mode } from 'animus-protocol';
import { storeAttachment } from '../attachments/store.ts';
import { createInbox, type Inbox } from '../inbox/receive.ts';
import { Alarm } from '../lifecycle/alarm.ts';
import type { Inbound, StoredAttachment } from '../message.ts';
import { type DeliverLoopDependencies, deliverNext, recoverParts } from '../outbox/deliver-loop.ts';
import { createOutbox, type Outbox } from '../outbox/sqlite-outbox.ts';
import { createUserBlocks } from '../people/user-blocks.ts';
import type { InHand } from '../queue/in-hand.ts';
import { CRASH_RESTS_MS } from '../queue/poison-policy.ts';
import { createQueue, type Queue } from '../queue/sqlite-queue.ts';
import { TurnEvents } from '../queue/turn-events.ts';
import { readFact } from '../store/facts.ts';
import { openStore, type Store, storageFault } from '../store/open.ts';
import { LettaStanding } from '../turn/letta-standing.ts';
import { createTurnFiles } from '../turn/turn-files.ts';
import { suspectAfterCrash, type TurnLoopDependencies, takeStep } from '../turn/turn-loop.ts';
import { type ChannelFault, ModelChannel } from './model-channel.fixture.ts';
import { CONFIG } from './model-config.fixture.ts';
import { ModelDisk } from './model-disk.fixture.ts';
import { type LettaFault, ModelLetta } from './model-letta.fixture.ts';

export type Arrival = { chat: string; id: number };
export type Action =
  /** One message, or several that a channel hands over in one go. */
  { kind: 'arrive'; messages: Arrival[] } | { kind: 'turn' | 'deliver' | 'later' | 'fill-disk' | 'make-room' };

/** A message of this number kills each Broca that asks the agent for it, or looks at what became of it. */
const POISONED_TURN = 7;
/** The first part of the reply to a message of this number kills each Broca that hands it over. */
const POISONED_PART = 6;

/** A message of this number brings an image. */
const WITH_IMAGE = 4;
const IMAGE = Buffer.from('GIF89a\x01\0\x01\0\0\0\0', 'latin1');

/** The process ended here. */
class Crash extends Error {}

/** Sleeping is letting the clock of this world go on. */
class WorldAlarm extends Alarm {
  #pass: (ms: number) => void;
  constructor(pass: (ms: number) => void) {
    super();
    this.#pass = pass;
  }
  override async sleep(ms: number): Promise<void> {
    this.#pass(ms);
  }
}

/** What one process of Broca holds in memory. */
type Process = { store: Store; inbox: Inbox; turns: TurnLoopDependencies; parts: DeliverLoopDependencies };

/** What a loop has in hand, where a crash of the process cannot take it. */
class ModelInHand implements InHand {
  #ids: readonly number[] = [];
  left = (): readonly number[] => this.#ids;
  letGo = (): void => this.take([]);
  take(ids: readonly number[]): void {
    this.#ids = ids;
  }
}

export class World {
  readonly #file: string;
  readonly #letta: ModelLetta;
  readonly #channel: ModelChannel;
  #now = 1_000_000;
  #pointsLeft = Number.POSITIVE_INFINITY;
  #crashes = 0;
  /** The process that lives; what an earlier one left going must do nothing more. */
  #life = { isOver: false };
  #acknowledged = new Set<string>();
  #disk = new ModelDisk();
  #turnInHand = new ModelInHand();
  #partsInHand = new ModelInHand();
  #config: BrocaConfig;
  #broca: Process;

  constructor(file: string, mode: Mode, lettaFaults: LettaFault[], channelFaults: ChannelFault[]) {
    this.#file = file;
    this.#config = { ...CONFIG, mode };
    this.#letta = new ModelLetta(
      () => this.#point(),
      () => this.#crash(),
    );
    this.#channel = new ModelChannel(
      () => this.#point(),
      () => this.#crash(),
    );
    this.#letta.isPoison = (text) => text.endsWith(`says ${POISONED_TURN}`);
    this.#channel.isPoison = (part) => part.inReplyTo === `${POISONED_PART}` && part.number === 1;
    this.#letta.faults = [...lettaFaults];
    this.#channel.faults = [...channelFaults];
    this.#broca = this.#start();
  }

  /** Does one thing; the process may end at a point on the way, and the next one starts. */
  async take(action: Action, crashAt: number | null): Promise<void> {
    this.#pointsLeft = crashAt ?? Number.POSITIVE_INFINITY;
    await this.#survive(async () => await this.#act(action));
  }

  /** All faults are over: what is left must come to its end. */
  async drain(): Promise<void> {
    this.#letta.faults = [];
    this.#channel.faults = [];
    this.#disk.makeRoom();
    for (let idle = 0; idle < 3; ) {
      let waitMs = 0;
      await this.#survive(async () => {
        const turnMs = await takeStep(this.#broca.turns, NEVER);
        waitMs = Math.min(turnMs, await deliverNext(this.#broca.parts, NEVER.stop));
      });
      idle = waitMs > 0 ? idle + 1 : 0;
      this.#now += 600_000;
    }
  }

  async #survive(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (error instanceof Crash) {
        this.#crashes += 1;
        this.#broca.store.close();
        this.#broca = this.#start();
      } else if (storageFault(error) !== null) {
        // As the loops do.
        this.#turnInHand.letGo();
        this.#partsInHand.letGo();
        this.#broca.parts.outbox.recover('spool', true);
      } else throw error;
    }
    this.#pointsLeft = Number.POSITIVE_INFINITY;
    this.#checkFronts();
  }

  /** Of each conversation one part at most waits, and none before it is open: order holds by construction. */
  #checkFronts(): void {
    const front = this.#broca.store
      .prepare(
        `SELECT id FROM parts AS part WHERE state = 'waiting' AND EXISTS
           (SELECT 1 FROM parts WHERE conversation_id = part.conversation_id AND id < part.id AND state IN ('queued', 'waiting', 'sending'))`,
      )
      .get();
    assert.equal(front, undefined, 'a part waits beside one before it');
  }

  check(): void {
    const { store } = this.#broca;
    const open = store.prepare("SELECT count(*) FROM turns WHERE state NOT IN ('settled', 'parked')").pluck().get();
    assert.equal(open, 0, 'a turn is stuck');
    const stored = new Set(
      store
        .prepare<[], string>("SELECT chat || '/' || external_id FROM seen JOIN conversations ON conversations.id = conversation_id")
        .pluck()
        .all(),
    );
    for (const message of this.#acknowledged) assert.ok(stored.has(message), `${message} was acknowledged and is lost`);
    assert.equal(store.prepare('SELECT count(*) FROM turns').pluck().get(), stored.size, 'one turn a message');
    this.#checkSetAside(store);
    this.#checkTallies(store);
    this.#checkAnswers(store);
    this.#checkOrder(store);
  }

  close(): void {
    this.#broca.store.close();
  }

  /** Nothing is set aside for crashes unless there were as many; what kills each Broca surely is. */
  #checkSetAside(store: Store): void {
    const reasons = store
      .prepare<[], string>("SELECT reason FROM turns WHERE state = 'parked' AND reason LIKE 'Broca ended%'")
      .pluck()
      .all();
    assert.ok(reasons.length === 0 || this.#crashes > CRASH_RESTS_MS.length, 'set aside without so many crashes');
    const poisoned = store
      .prepare<[string], string>('SELECT state FROM turns JOIN inbounds ON turn_id = turns.id WHERE external_id = ?')
      .pluck()
      .all(`${POISONED_TURN}`);
    if (this.#config.mode === 'live') for (const state of poisoned) assert.equal(state, 'parked');
  }

  /** The counts that triggers keep are what counting would give. */
  #checkTallies(store: Store): void {
    const kept = store.prepare<[], string>('SELECT name FROM tallies WHERE count <> 0 ORDER BY name').pluck().all();
    const count = (sql: string): number => store.prepare<[], number>(sql).pluck().get() ?? 0;
    const parked = count("SELECT count(*) FROM turns WHERE state = 'parked'");
    const uncertain = count("SELECT count(*) FROM parts WHERE state = 'uncertain'");
    assert.deepEqual(kept, [...(parked > 0 ? ['parked'] : []), ...(uncertain > 0 ? ['uncertain'] : [])]);
  }

  /** Every run that was answered, and could be seen, is what its turn was settled with. */
  #checkAnswers(store: Store): void {
    const turn = store.prepare<[number], { outcome: string | null; reason: string | null }>(
      'SELECT outcome, reason FROM turns WHERE id = ?',
    );
    for (const run of this.#letta.runs) {
      const found = turn.get(run.turnId);
      const isSetAside = found?.reason?.startsWith('Broca ended') === true;
      if (run.end !== 'failed' && !run.isHidden && !isSetAside)
        assert.equal(found?.outcome, run.end, `turn ${run.turnId}: its run was ${run.end}`);
    }
  }

  #checkOrder(store: Store): void {
    const sent = store.prepare<[], string>("SELECT turn_id || '.' || number FROM parts WHERE state = 'sent' ORDER BY id").pluck().all();
    const given = store
      .prepare<[], string>("SELECT turn_id || '.' || number FROM parts WHERE state IN ('refused', 'uncertain')")
      .pluck()
      .all();
    const shown = this.#channel.shown.map(({ turnId, number }) => `${turnId}.${number}`);
    assert.equal(new Set(shown).size, shown.length, 'a part was shown twice');
    for (const part of sent) assert.ok(shown.includes(part), `${part} counts as sent and was never shown`);
    assert.equal(sent.length + given.length, store.prepare('SELECT count(*) FROM parts').pluck().get(), 'a part is stuck');
    for (const chat of ['a', 'b']) {
      const inChat = this.#channel.shown.filter((part) => part.chat === chat).map(({ turnId, number }) => turnId * 100 + number);
      assert.deepEqual(
        inChat,
        inChat.toSorted((one, other) => one - other),
        'a chat is out of order',
      );
    }
  }

  async #act(action: Action): Promise<void> {
    switch (action.kind) {
      case 'arrive': {
        const attachments = await this.#storeImage();
        const receipts = this.#broca.inbox.receiveAll(action.messages.map((arrival) => toInbound(arrival, attachments)));
        assert.equal(receipts.length, action.messages.length);
        for (const [index, { chat, id }] of action.messages.entries()) {
          const kind = receipts[index]?.kind;
          if (kind === 'stored' || kind === 'duplicate') this.#acknowledged.add(`${chat}/${id}`);
          else assert.equal(kind, 'unavailable');
        }
        return;
      }
      case 'fill-disk':
        return this.#disk.fill();
      case 'make-room':
        return this.#disk.makeRoom();
      case 'turn':
        await takeStep(this.#broca.turns, NEVER);
        return;
      case 'deliver':
        await deliverNext(this.#broca.parts, NEVER.stop);
        return;
      case 'later':
        this.#now += 60_000;
    }
  }

  /** As a channel does, before it hands its messages over: the process may end before and after. */
  async #storeImage(): Promise<StoredAttachment[]> {
    this.#point();
    const receipt = await storeAttachment(dirname(this.#file), IMAGE, { name: 'image.gif', largestBytes: 1_000 });
    this.#point();
    assert.ok(receipt.kind === 'stored');
    return [receipt.attachment];
  }

  #point(): void {
    if (this.#pointsLeft <= 0 || this.#life.isOver) this.#crash();
    this.#pointsLeft -= 1;
  }

  #crash(): never {
    this.#life.isOver = true;
    throw new Crash();
  }

  #start(): Process {
    const opened = openStore(this.#file);
    assert.ok(opened.ok);
    const store = opened.value;
    // Only processes end here, never the machine: what was written stays without a sync, which makes worlds cheap.
    store.pragma('synchronous = OFF');
    this.#disk.attach(store);
    this.#life = { isOver: false };
    this.#pointsLeft = Number.POSITIVE_INFINITY;
    const clock = () => this.#now;
    // Ports read the clock inside their transactions: the process may end there too.
    const clockInside = () => {
      this.#point();
      return this.#now;
    };
    const outbox = this.#crashable<Outbox>(
      createOutbox(store, (_channel, text) => text.split(' '), clockInside, this.#disk.settling),
      ['markSending', 'settle', 'putBack', 'standBehind', 'together'],
    );
    const queue = this.#crashable<Queue>(createQueue(store, outbox, clockInside, this.#disk.settling), [
      'begin',
      'recordRun',
      'recordDoubt',
      'settle',
      'putBack',
      'park',
      'rest',
      'together',
    ]);
    const rules = { limits: () => DEFAULT_LIMITS, isShort: () => this.#disk.isSpent, onStorage: () => undefined };
    const inbox = this.#crashable<Inbox>(
      createInbox(store, clockInside, () => undefined, rules),
      ['receiveAll'],
    );
    const alarm = new WorldAlarm((ms) => {
      this.#now += ms;
    });
    const shared = { outbox, queue, alarm, clock, events: new TurnEvents(), onStorage: () => undefined };
    const turns = this.#turnLoop(store, shared);
    const parts = this.#deliverLoop(shared);
    recoverParts(parts);
    this.#now += suspectAfterCrash(turns);
    return { store, inbox, turns, parts };
  }

  #turnLoop(store: Store, shared: Pick<TurnLoopDependencies, 'queue' | 'alarm' | 'clock' | 'events' | 'onStorage'>): TurnLoopDependencies {
    return {
      ...shared,
      letta: this.#letta,
      inHand: this.#turnInHand,
      reserve: this.#disk,
      retain: () => Number.POSITIVE_INFINITY,
      files: createTurnFiles(dirname(this.#file), () => CONFIG.images),
      blocks: createUserBlocks(store, this.#letta),
      standing: new LettaStanding(),
      config: () => this.#config,
      random: () => 0.5,
      newestMessageId: () => readFact(store, 'newest_message_id'),
      channelTitle: () => 'Spool',
      onTurnBegin: () => () => undefined,
      onReply: () => undefined,
      onTurnEnd: () => undefined,
    };
  }

  #deliverLoop(shared: Pick<DeliverLoopDependencies, 'outbox' | 'alarm' | 'clock' | 'events' | 'onStorage'>): DeliverLoopDependencies {
    return {
      ...shared,
      name: 'spool',
      capabilities: { idempotent: true, longestPart: null, markup: 'plain', atOnce: 3 },
      channel: this.#livingChannel(),
      sendableAt: () => 0,
      wentDown: () => undefined,
      inHand: this.#partsInHand,
      giveUpAfterMs: () => 10 * 86_400_000,
    };
  }

  /** What an ended process still had going reaches nobody. */
  #livingChannel(): DeliverLoopDependencies['channel'] {
    const life = this.#life;
    const living = <T>(call: () => T): T => {
      if (life.isOver) throw new Crash();
      return call();
    };
    return {
      prepare: async () => living(() => this.#point()),
      deliver: async (part) => await living(() => this.#channel.deliver(part)),
    };
  }

  /** Each durable write is a point before and after: the process may end there. */
  #crashable<T extends object>(port: T, writes: readonly (keyof T)[]): T {
    const wrapped = { ...port };
    for (const name of writes) {
      const write = port[name] as (...args: unknown[]) => unknown;
      const guarded = (...args: unknown[]): unknown => {
        this.#point();
        const result = write(...args);
        this.#point();
        return result;
      };
      wrapped[name] = guarded as T[typeof name];
    }
    return wrapped;
  }
}

function toInbound({ chat, id }: Arrival, image: StoredAttachment[]): Inbound {
  const sender = { id: `of-${chat}` };
  const attachments = id === WITH_IMAGE ? image : [];
  return { channel: 'spool', account: '', chat, externalId: `${id}`, sender, text: `says ${id}`, attachments, at: 0 };
}

const NEVER = { drain: new AbortController().signal, stop: new AbortController().signal };
