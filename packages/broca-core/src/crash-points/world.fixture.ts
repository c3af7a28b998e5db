/** Everything around a Broca that outlives it (database file, Letta, platform, clock), and one Broca at a time in it. */
import assert from 'node:assert/strict';
import type { BrocaConfig } from 'animus-protocol';
import { createInbox, type Inbox } from '../inbox/receive.ts';
import { Alarm } from '../lifecycle/alarm.ts';
import { type DeliverLoopDependencies, deliverNext } from '../outbox/deliver-loop.ts';
import { createOutbox, type Outbox } from '../outbox/sqlite-outbox.ts';
import { createUserBlocks } from '../people/user-blocks.ts';
import { createQueue, type Queue } from '../queue/sqlite-queue.ts';
import { TurnEvents } from '../queue/turn-events.ts';
import { readFact } from '../store/facts.ts';
import { openStore, type Store } from '../store/open.ts';
import { LettaStanding } from '../turn/letta-standing.ts';
import { type TurnLoopDependencies, takeStep } from '../turn/turn-loop.ts';
import { type ChannelFault, ModelChannel } from './model-channel.fixture.ts';
import { type LettaFault, ModelLetta } from './model-letta.fixture.ts';

export type Action = { kind: 'arrive'; chat: string; id: number } | { kind: 'turn' } | { kind: 'deliver' } | { kind: 'later' };

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

const CONFIG: BrocaConfig = {
  agentId: 'agent-model',
  agentName: null,
  agentDescription: null,
  endpoint: 'http://letta',
  apiKey: 'key',
  mode: 'live',
  queueRefreshMs: 5_000,
  maxRetries: 2,
  debugMode: false,
  logLevel: 'info',
  turnTimeoutMs: 3_600_000,
  giveUpAfterMs: 86_400_000,
  logKeepDays: 7,
  plugins: {},
  environment: {},
  secrets: [],
};

/** What one process of Broca holds in memory. */
type Process = { store: Store; inbox: Inbox; turns: TurnLoopDependencies; parts: DeliverLoopDependencies };

export class World {
  readonly #file: string;
  readonly #letta: ModelLetta;
  readonly #channel: ModelChannel;
  #now = 1_000_000;
  #pointsLeft = Number.POSITIVE_INFINITY;
  #acknowledged = new Set<string>();
  #broca: Process;

  constructor(file: string, lettaFaults: LettaFault[], channelFaults: ChannelFault[]) {
    this.#file = file;
    this.#letta = new ModelLetta(() => this.#point());
    this.#channel = new ModelChannel(() => this.#point());
    this.#letta.faults = [...lettaFaults];
    this.#channel.faults = [...channelFaults];
    this.#broca = this.#start();
  }

  /** Does one thing; the process may end at a point on the way, and the next one starts. */
  async take(action: Action, crashAt: number | null): Promise<void> {
    this.#pointsLeft = crashAt ?? Number.POSITIVE_INFINITY;
    try {
      await this.#act(action);
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      this.#broca.store.close();
      this.#broca = this.#start();
    }
    this.#pointsLeft = Number.POSITIVE_INFINITY;
  }

  /** All faults are over: what is left must come to its end. */
  async drain(): Promise<void> {
    this.#letta.faults = [];
    this.#channel.faults = [];
    for (let idle = 0; idle < 3; ) {
      const turnMs = await takeStep(this.#broca.turns, NEVER);
      const partMs = await deliverNext(this.#broca.parts, NEVER.stop);
      idle = turnMs > 0 && partMs > 0 ? idle + 1 : 0;
      this.#now += 600_000;
    }
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
    this.#checkAnswers(store);
    this.#checkOrder(store);
  }

  close(): void {
    this.#broca.store.close();
  }

  /** Every run that was answered, and could be seen, is what its turn was settled with. */
  #checkAnswers(store: Store): void {
    const outcome = store.prepare<[number], string | null>('SELECT outcome FROM turns WHERE id = ?').pluck();
    for (const run of this.#letta.runs) {
      if (run.end !== 'failed' && !run.isHidden)
        assert.equal(outcome.get(run.turnId), run.end, `turn ${run.turnId}: its run was ${run.end}`);
    }
  }

  #checkOrder(store: Store): void {
    const sent = store.prepare<[], string>("SELECT turn_id || '.' || number FROM parts WHERE state = 'sent' ORDER BY id").pluck().all();
    const refused = store.prepare<[], string>("SELECT turn_id || '.' || number FROM parts WHERE state = 'refused'").pluck().all();
    const shown = this.#channel.shown.map(({ turnId, number }) => `${turnId}.${number}`);
    assert.equal(new Set(shown).size, shown.length, 'a part was shown twice');
    for (const part of sent) assert.ok(shown.includes(part), `${part} counts as sent and was never shown`);
    assert.equal(sent.length + refused.length, store.prepare('SELECT count(*) FROM parts').pluck().get(), 'a part is stuck');
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
        const { chat, id } = action;
        const sender = { id: `of-${chat}` };
        const receipt = this.#broca.inbox.receive({
          channel: 'spool',
          account: '',
          chat,
          externalId: `${id}`,
          sender,
          text: 'x',
          attachments: [],
          at: 0,
        });
        assert.ok(receipt.kind === 'stored' || receipt.kind === 'duplicate');
        this.#acknowledged.add(`${chat}/${id}`);
        return;
      }
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

  #point(): void {
    if (this.#pointsLeft <= 0) throw new Crash();
    this.#pointsLeft -= 1;
  }

  #start(): Process {
    const opened = openStore(this.#file, this.#now);
    assert.ok(opened.ok);
    const { store } = opened.value;
    const clock = () => this.#now;
    const outbox = this.#crashable<Outbox>(
      createOutbox(store, (_channel, text) => text.split(' '), clock),
      ['markSending', 'settle', 'putBack'],
    );
    const queue = this.#crashable<Queue>(createQueue(store, outbox, clock), ['begin', 'recordRun', 'settle', 'putBack', 'park']);
    const inbox = this.#crashable<Inbox>(
      createInbox(store, clock, () => undefined),
      ['receive'],
    );
    outbox.recover('spool', true);
    const alarm = new WorldAlarm((ms) => {
      this.#now += ms;
    });
    const events = new TurnEvents();
    const turns: TurnLoopDependencies = {
      queue,
      letta: this.#letta,
      blocks: createUserBlocks(store, this.#letta),
      standing: new LettaStanding(),
      config: () => CONFIG,
      clock,
      random: () => 0.5,
      alarm,
      newestMessageId: () => readFact(store, 'newest_message_id'),
      channelTitle: () => 'Spool',
      events,
      onReply: () => undefined,
      onStorage: () => undefined,
      onTurnEnd: () => undefined,
    };
    const parts: DeliverLoopDependencies = {
      name: 'spool',
      capabilities: { idempotent: true, longestPart: null, markup: 'plain' },
      channel: this.#channel,
      sendableAt: () => 0,
      wentDown: () => undefined,
      outbox,
      events,
      alarm,
      clock,
      giveUpAfterMs: () => 10 * 86_400_000,
      recheckMs: () => 5_000,
      onStorage: () => undefined,
    };
    return { store, inbox, turns, parts };
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

const NEVER = { drain: new AbortController().signal, stop: new AbortController().signal };
