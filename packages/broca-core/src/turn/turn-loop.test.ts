/** What the loop makes of outcomes over time, with a real queue and a clock of its own. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadBrocaConfig } from 'animus-protocol';
import { createInbox } from '../inbox/receive.ts';
import { Alarm } from '../lifecycle/alarm.ts';
import { createOutbox } from '../outbox/sqlite-outbox.ts';
import { createUserBlocks } from '../people/user-blocks.ts';
import { createQueue } from '../queue/sqlite-queue.ts';
import { TurnEvents } from '../queue/turn-events.ts';
import { openStore } from '../store/open.ts';
import type { AttemptOutcome, Letta } from './letta.ts';
import { LettaStanding } from './letta-standing.ts';
import { runTurnLoop, suspectAfterCrash, type TurnLoopDependencies, takeStep } from './turn-loop.ts';

const NEVER = { drain: new AbortController().signal, stop: new AbortController().signal };
const ENV = 'AGENT_ENDPOINT=http://127.0.0.1:9\nAGENT_API_KEY=sk-0123456789abcdef0123\n';

/** A Letta that ends each attempt as told, and notes when it was asked. */
function openRig(
  t: TestContext,
  outcome: (asked: number) => AttemptOutcome,
  settings: Record<string, unknown>,
  plugins: Record<string, unknown> = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'broca-turn-loop-'));
  const opened = openStore(join(folder, 'animus.db'));
  assert.ok(opened.ok);
  const store = opened.value;
  store.pragma('synchronous = OFF');
  t.after(() => {
    store.close();
    rmSync(folder, { recursive: true });
  });
  const { config } = loadBrocaConfig({
    agentIdOfFolder: 'agent-1',
    environment: ENV,
    settings: JSON.stringify({ message_processing: settings, plugins }),
    fleet: null,
  });
  assert.ok(config);
  const clock = { now: 10_000_000, looks: 0 };
  const read = () => {
    clock.looks += 1;
    return clock.now;
  };
  const asked: number[] = [];
  const letta: Letta = {
    check: async () => ({ kind: 'reachable', agentName: 'x' }),
    newestMessageId: async () => ({ kind: 'ok', value: null }),
    ask: async () => {
      asked.push(clock.now);
      return outcome(asked.length);
    },
    askAgain: async () => outcome(asked.push(clock.now)),
    settle: async () => ({ kind: 'resend' }),
    cancel: async () => undefined,
    findOrMakePerson: async () => ({ kind: 'ok', value: { identityId: null, blockId: 'block' } }),
    attachBlock: async () => ({ kind: 'ok', value: null }),
    attachedBlocks: async () => ({ kind: 'ok', value: [] }),
    detachBlock: async () => ({ kind: 'ok', value: null }),
    close: async () => undefined,
  };
  const outbox = createOutbox(store, (_channel, text) => [text], read);
  let inHand: readonly number[] = [];
  const deps: TurnLoopDependencies = {
    queue: createQueue(store, outbox, read),
    letta,
    inHand: {
      left: () => inHand,
      take: (ids) => {
        inHand = ids;
      },
      letGo: () => {
        inHand = [];
      },
    },
    reserve: { isSpent: false, refill: () => true },
    retain: () => Number.POSITIVE_INFINITY,
    files: { write: async (_turn, text) => ({ text, images: [] }) },
    blocks: createUserBlocks(store, letta),
    standing: new LettaStanding(),
    config: () => config,
    clock: read,
    random: () => 0,
    alarm: new Alarm(),
    newestMessageId: () => null,
    channelTitle: () => 'Spool',
    events: new TurnEvents(),
    onTurnBegin: () => () => undefined,
    onReply: () => undefined,
    onStorage: () => undefined,
    onTurnEnd: () => undefined,
  };
  const inbox = createInbox(store, read, () => undefined);
  const write = (chat: string, externalId: string, channel = 'spool'): void => {
    const receipt = inbox.receive({
      channel,
      account: '',
      chat,
      externalId,
      sender: { id: chat },
      text: 'hello',
      attachments: [],
      at: 0,
    });
    assert.equal(receipt.kind, 'stored');
  };
  type Row = { state: string; reason: string | null; crashes: number };
  const turn = (id: number): Row | undefined =>
    store.prepare<[number], Row>('SELECT state, reason, crashes FROM turns WHERE id = ?').get(id);
  const attempts = (): number => store.prepare<[], number>('SELECT count(*) FROM attempts').pluck().get() ?? 0;
  const told = (): string[] => store.prepare<[], string>('SELECT text FROM parts ORDER BY id').pluck().all();
  /** Lets time go on until nothing waits. */
  const run = async (): Promise<void> => {
    while (deps.queue.nextDueAt() !== null) clock.now += await takeStep(deps, NEVER);
  };
  return { deps, clock, asked, write, turn, told, attempts, run };
}

function gaps(instants: readonly number[]): number[] {
  return instants.slice(1).map((at, index) => at - (instants[index] ?? 0));
}

test('a turn that Letta fails is asked max_retries times again, at growing distances, then parked and told once', async (t) => {
  const rig = openRig(t, () => ({ kind: 'failed', reason: 'llm_error' }), { max_retries: 4 });
  rig.write('a', '1');
  await rig.run();
  assert.deepEqual(gaps(rig.asked), [5_000, 10_000, 20_000, 40_000]);
  assert.equal(rig.turn(1)?.state, 'parked');
  assert.match(rig.turn(1)?.reason ?? '', /failed 5 times, at last: llm_error/);
  assert.equal(rig.attempts(), 5);
  assert.deepEqual(rig.told(), ['Sorry, the agent could not answer this message.']);
});

test('the backoff is as configured, and holds no other conversation', async (t) => {
  const rig = openRig(t, (asked) => (asked === 1 ? { kind: 'failed', reason: 'x' } : { kind: 'silent', newestMessageId: null }), {
    max_retries: 1,
    retry_first: 2,
    retry_longest: 3,
  });
  rig.write('a', '1');
  rig.write('b', '1');
  await rig.run();
  assert.deepEqual(gaps(rig.asked), [0, 2_000]);
  const slow = openRig(t, () => ({ kind: 'failed', reason: 'x' }), { max_retries: 3, retry_first: 2, retry_longest: 3 });
  slow.write('a', '1');
  await slow.run();
  assert.deepEqual(gaps(slow.asked), [2_000, 3_000, 3_000]);
});

test('a Letta that is away counts no retry, and gives the turn up after give_up_after', async (t) => {
  const rig = openRig(t, () => ({ kind: 'unavailable', reason: 'refused', afterMs: null }), { max_retries: 0, give_up_after: 600 });
  rig.write('a', '1');
  await rig.run();
  assert.ok(rig.asked.length > 5);
  const lasted = (rig.asked.at(-1) ?? 0) - (rig.asked[0] ?? 0);
  assert.ok(lasted >= 600_000 && lasted < 700_000, `${lasted} ms`);
  assert.equal(rig.attempts(), 1, 'a thousand tries that nothing came of are not kept');
  assert.match(rig.turn(1)?.reason ?? '', /gave up after 1[0-2] min: refused/);
  assert.deepEqual(rig.told(), ['Sorry, the agent could not be reached for a long time. This message was set aside.']);
});

test('what Broca died of seven times is parked; progress in between starts the count anew; the rest flows', async (t) => {
  const rig = openRig(t, () => ({ kind: 'silent', newestMessageId: null }), {});
  rig.write('a', 'poison');
  rig.write('b', '1');
  for (let crash = 1; crash <= 3; crash += 1) {
    rig.deps.inHand.take([1]);
    assert.equal(suspectAfterCrash(rig.deps), 0, 'the agent is not held for a turn that was never asked');
  }
  assert.equal(rig.turn(1)?.crashes, 3);
  assert.equal(rig.deps.queue.next(rig.clock.now)?.chat, 'b', 'it rests meanwhile');
  rig.clock.now += 60_000;
  const turn = rig.deps.queue.next(rig.clock.now);
  assert.equal(turn?.id, 2);
  const poison = rig.deps.queue.find(1);
  assert.ok(poison);
  rig.deps.queue.putBack({ turn: poison, dueAt: 0, failures: 0, unavailableSince: null, reason: 'Letta was away', attempt: null });
  for (let crash = 1; crash <= 7; crash += 1) {
    assert.equal(rig.turn(1)?.state, 'waiting');
    rig.deps.inHand.take([1]);
    suspectAfterCrash(rig.deps);
  }
  assert.equal(rig.turn(1)?.state, 'parked');
  assert.match(rig.turn(1)?.reason ?? '', /7 times in a row/);
  assert.deepEqual(rig.told(), ['Sorry, this message could not be processed. It was set aside.']);
  await rig.run();
  assert.equal(rig.turn(2)?.state, 'settled');
});

test('a clock that is set back by an hour, while Broca runs or before it starts, makes nobody wait', { timeout: 10_000 }, async (t) => {
  const rig = openRig(t, () => ({ kind: 'silent', newestMessageId: null }), {});
  const drain = new AbortController();
  const answered = async (id: number): Promise<void> => {
    while (rig.turn(id)?.state !== 'settled') await new Promise((resolve) => setImmediate(resolve));
  };
  rig.write('a', '1');
  rig.clock.now -= 3_600_000;
  const loop = runTurnLoop(rig.deps, { drain: drain.signal, stop: NEVER.stop });
  await answered(1);
  rig.clock.now += 7_200_000;
  const seen = rig.clock.looks;
  rig.deps.alarm.ring();
  while (rig.clock.looks < seen + 2) await new Promise((resolve) => setImmediate(resolve));
  rig.write('a', '2');
  rig.clock.now -= 3_600_000;
  rig.deps.alarm.ring();
  await answered(2);
  drain.abort();
  await loop;
});

test('a channel with a mode of its own goes on in it, also while the agent cannot be asked', async (t) => {
  const away: AttemptOutcome = { kind: 'unavailable', reason: 'refused', afterMs: null };
  const rig = openRig(t, () => away, { give_up_after: 600 }, { telegram: { message_mode: 'echo' }, web: { message_mode: 'listen' } });
  rig.write('a', '1');
  rig.clock.now += await takeStep(rig.deps, NEVER);
  assert.equal(rig.asked.length, 1);
  const at = rig.clock.now;
  for (const id of ['2', '3']) rig.write('b', id, 'telegram');
  rig.write('c', '4', 'web');
  assert.equal(await takeStep(rig.deps, NEVER), 0, 'they are due at once');
  assert.deepEqual(
    [2, 3, 4].map((id) => rig.turn(id)?.state),
    ['settled', 'settled', 'settled'],
  );
  assert.deepEqual(
    rig.told().map((text) => text.replace(/^.*\] /, '')),
    ['hello', 'hello'],
  );
  assert.deepEqual([rig.turn(1)?.state, rig.asked.length, rig.clock.now], ['waiting', 1, at]);
});

test('a channel may be live where the others ask nobody: the agent is asked for it alone', async (t) => {
  const rig = openRig(t, () => ({ kind: 'silent', newestMessageId: null }), { mode: 'listen' }, { telegram: { message_mode: 'live' } });
  rig.write('a', '1');
  rig.write('b', '2', 'telegram');
  rig.write('a', '3');
  await rig.run();
  assert.equal(rig.asked.length, 1);
  assert.deepEqual(
    [1, 2, 3].map((id) => rig.turn(id)?.state),
    ['settled', 'settled', 'settled'],
  );
});
