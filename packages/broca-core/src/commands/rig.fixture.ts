/** A stored agent for tests of commands: a real database, the parts that write to it, and a stand-in for the running Broca. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext } from 'node:test';
import type { Result } from 'animus-protocol';
import { CONSOLE_CHANNEL } from '../channel/console.ts';
import type { LoadedChannel } from '../channel/guard.ts';
import { createInbox, type Inbox } from '../inbox/receive.ts';
import type { Inbound } from '../message.ts';
import { splitText } from '../outbox/split-policy.ts';
import { createOutbox, type Outbox } from '../outbox/sqlite-outbox.ts';
import { createQueue, type Queue } from '../queue/sqlite-queue.ts';
import type { Turn } from '../queue/turn.ts';
import { TurnEvents } from '../queue/turn-events.ts';
import { openStore, type Store } from '../store/open.ts';
import type { LiveBroca } from './command.ts';
import { COMMANDS } from './commands.ts';

const root = mkdtempSync(join(tmpdir(), 'broca-commands-'));
after(() => rmSync(root, { recursive: true }));

/** Only that it is there is asked of it. */
const CONSOLE = {} as LoadedChannel;

export type Rig = {
  folder: string;
  store: Store;
  inbox: Inbox;
  queue: Queue;
  outbox: Outbox;
  live: LiveBroca;
  /** What the commands told the running Broca. */
  told: string[];
  isRunning: boolean;
  isConsoleOn: boolean;
  now: number;
};

export function openRig(t?: TestContext): Rig {
  const folder = mkdtempSync(join(root, 'rig-'));
  const opened = openStore(join(folder, 'animus.db'));
  assert.ok(opened.ok);
  const store = opened.value;
  const told: string[] = [];
  const clock = (): number => rig.now;
  const outbox = createOutbox(store, (_channel, text) => text.split('|'), clock);
  const inbox = createInbox(store, clock, () => undefined);
  const live: LiveBroca = {
    receive: inbox.receive,
    events: new TurnEvents(),
    wake: () => void told.push('wake'),
    reload: () => void told.push('reload'),
    isShort: () => false,
    channel: (name) => (name === CONSOLE_CHANNEL && rig.isConsoleOn ? CONSOLE : null),
    compose: (_channel, text) => splitText(text, 10),
  };
  const rig: Rig = {
    folder,
    store,
    inbox,
    outbox,
    queue: createQueue(store, outbox, clock),
    live,
    told,
    isRunning: true,
    isConsoleOn: true,
    now: 1_000,
  };
  t?.after(() => store.close());
  return rig;
}

export async function ask(
  rig: Rig,
  name: string,
  args: Record<string, unknown> = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<Result<unknown, string>> {
  const command = COMMANDS[name];
  assert.ok(command, name);
  const { store, folder } = rig;
  return await command(args, { store, folder, now: () => rig.now, live: rig.isRunning ? rig.live : null, signal });
}

/** The value of a command that must not fail. */
export async function get(rig: Rig, name: string, args: Record<string, unknown> = {}): Promise<unknown> {
  const answer = await ask(rig, name, args);
  assert.ok(answer.ok, answer.ok ? '' : answer.error);
  return JSON.parse(JSON.stringify(answer.value));
}

export async function errorOf(rig: Rig, name: string, args: Record<string, unknown> = {}): Promise<string> {
  const answer = await ask(rig, name, args);
  assert.ok(!answer.ok, 'it must fail');
  return answer.error;
}

export function write(rig: Rig, chat: string, externalId: string, sender: Inbound['sender'] = { id: '7', username: 'Ada' }): number {
  const receipt = rig.inbox.receive({
    channel: 'spool',
    account: '',
    chat,
    externalId,
    sender,
    text: `says ${externalId}`,
    attachments: [],
    at: 5,
  });
  assert.ok(receipt.kind === 'stored', receipt.kind);
  return receipt.turnId;
}

export function start(rig: Rig): Turn {
  const turn = rig.queue.next(rig.now);
  assert.ok(turn);
  rig.queue.begin({ turn, endpoint: 'http://l', agentId: 'agent-1', text: 'x', images: [], seenMessageId: null, blockId: null });
  return turn;
}

export function park(rig: Rig, outcome: string): number {
  const turn = start(rig);
  const number = rig.queue.running()?.attempt.number ?? 0;
  rig.queue.park(turn, 'a reason', [], { number, outcome, reason: null });
  return turn.id;
}

export function states(rig: Rig): Record<number, string> {
  const rows = rig.store.prepare<[], { id: number; state: string }>('SELECT id, state FROM turns ORDER BY id').all();
  return Object.fromEntries(rows.map(({ id, state }) => [id, state]));
}
