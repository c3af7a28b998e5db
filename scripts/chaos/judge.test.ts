/** The judge must be able to condemn: each wrong, planted in books that are otherwise right, is found and named. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Turn } from 'animus-testkit';
import { type Books, judge, type WrongKind } from './judge.ts';
import type { Arrival } from './ledger.ts';
import type { Message } from './message.ts';

function message(number: number): Message {
  const id = `m-agent-1-spool-c1-${number}`;
  return {
    agent: 'agent-1',
    channel: 'spool',
    chat: 'c1',
    number,
    id,
    text: `#${id}# say=2`,
    isSilent: false,
    takenAt: 1,
    refusal: null,
    isHeard: true,
  };
}

function run(number: number, changes: Partial<Turn> = {}): Turn {
  const { id, text } = message(number);
  return {
    agentId: 'agent-1',
    number,
    kind: 'message',
    otid: `d-${number}:1`,
    text: `[Username: @u, Spool ID: 1] ${text}`,
    content: null,
    senderId: null,
    runId: `run-${number}`,
    route: 'conversations',
    background: true,
    blocks: [],
    startedAt: number * 10,
    endedAt: number * 10 + 5,
    outcome: 'completed',
    stopReason: 'end_turn',
    replies: [`re #${id}# 1`, `re #${id}# 2`],
    ...changes,
  };
}

function parts(number: number): Arrival[] {
  const { id, agent, channel, chat } = message(number);
  return [1, 2].map((part) => ({
    agent,
    channel,
    chat,
    turn: number,
    number: part,
    count: 2,
    inReplyTo: id,
    key: `${number}-${part}`,
    text: `re #${id}# ${part}`,
    order: BigInt(number * 10 + part),
  }));
}

type Mutable = { messages: Message[]; runs: Turn[]; arrivals: Arrival[]; told: Books['told'][number][]; declaredDead: Set<string> };

function rightBooks(): Mutable {
  const numbers = [1, 2];
  return {
    messages: numbers.map(message),
    runs: numbers.map((number) => run(number)),
    arrivals: numbers.flatMap(parts),
    told: numbers.map((number) => ({
      agent: 'agent-1',
      turn: { id: number, state: 'settled', outcome: 'answered', reason: null, text: message(number).text },
    })),
    declaredDead: new Set(),
  };
}

function kindsOf(books: Books): WrongKind[] {
  return judge(books).wrongs.map(({ kind }) => kind);
}

function tell(books: Mutable, number: number, change: Partial<Mutable['told'][number]['turn']>): void {
  const told = books.told[number - 1];
  assert.ok(told);
  books.told[number - 1] = { ...told, turn: { ...told.turn, ...change } };
}

/** The second message's reply never came. */
function withoutReply(books: Mutable): Mutable {
  books.arrivals.splice(2);
  return books;
}

const PLANTED: [string, WrongKind, (books: Mutable) => void][] = [
  ['a message that was acknowledged and has no turn', 'lost', (books) => books.told.pop()],
  ['a turn that never ended', 'lost', (books) => tell(books, 2, { state: 'waiting', outcome: null })],
  ['an answer without its last part', 'lost', (books) => books.arrivals.pop()],
  ['an answer that is said to be none', 'lost', (books) => tell(withoutReply(books), 2, { outcome: 'silent' })],
  ['a parked message whose sender was not told', 'lost', (books) => tell(withoutReply(books), 2, { state: 'parked' })],
  ['a message said to be answered that no agent ran', 'lost', (books) => books.runs.pop()],
  ['a refusal of what the agent answered', 'lost', (books) => tell(books, 2, { outcome: 'refused' })],
  ['a second turn of one message', 'doubled', (books) => books.told.push({ agent: 'agent-1', turn: { ...first(books.told).turn, id: 9 } })],
  ['a second run after an answer', 'doubled', (books) => books.runs.push(run(2, { startedAt: 40, endedAt: 41 }))],
  [
    'a second run beside a live one',
    'doubled',
    (books) => books.runs.splice(1, 0, run(2, { startedAt: 20, endedAt: null, outcome: null })),
  ],
  ['a second run after one that was lost', 'doubled', (books) => books.runs.splice(1, 0, run(2, { endedAt: 20, outcome: 'lost' }))],
  ['a part that arrived twice', 'doubled', (books) => books.arrivals.push({ ...last(books.arrivals), order: 99n })],
  ['a part nobody asked for', 'doubled', (books) => books.arrivals.push({ ...last(books.arrivals), inReplyTo: 'm-other' })],
  ['parts that changed places', 'disordered', (books) => books.arrivals.splice(2, 2, ...swapped(books.arrivals.slice(2)))],
  [
    'replies that changed places',
    'disordered',
    (books) => void books.arrivals.splice(0, 2, ...parts(1).map((part) => ({ ...part, order: part.order + 50n }))),
  ],
  ['runs that changed places', 'disordered', (books) => void books.runs.splice(0, 2, run(2, { startedAt: 1, endedAt: 2 }), run(1))],
];

function first<T>(items: readonly T[]): T {
  const item = items[0];
  assert.ok(item);
  return item;
}

function last<T>(items: readonly T[]): T {
  const item = items.at(-1);
  assert.ok(item);
  return item;
}

function swapped(arrivals: readonly Arrival[]): Arrival[] {
  return arrivals.map((arrival, at) => ({ ...arrival, order: BigInt(30 - at) }));
}

describe('judging a chaos run', () => {
  it('finds nothing wrong in right books', () => {
    const { counts, wrongs } = judge(rightBooks());
    assert.deepEqual(wrongs, []);
    assert.deepEqual(counts, { sent: 2, received: 2, answered: 2, silent: 0, refused: 0, parked: 0 });
  });

  it('takes a run that failed, or is said to have, for a reason to ask again', () => {
    for (const change of [{ outcome: 'failed' }, { outcome: 'lost' }] as const) {
      const books = rightBooks();
      books.runs.splice(1, 0, run(2, { ...change, runId: 'run-dead', endedAt: 20, replies: [] }));
      books.declaredDead.add('run-dead');
      assert.deepEqual(kindsOf(books), []);
    }
  });

  for (const [name, kind, plant] of PLANTED) {
    it(`finds ${name}`, () => {
      const books = rightBooks();
      plant(books);
      assert.ok(kindsOf(books).includes(kind), JSON.stringify(judge(books).wrongs));
    });
  }
});
