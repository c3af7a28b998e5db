/** `console.send`: a message from a terminal, and the wait for its reply. Asked again with the same externalId it finds the same turn. */
import { userInfo } from 'node:os';
import { failed, ok, type Result, unreachable } from 'animus-protocol';
import * as v from 'valibot';
import { attachmentSchema } from '../attachments/parse.ts';
import { CONSOLE_CHANNEL, CONSOLE_DEFAULT_CHAT } from '../channel/console.ts';
import type { Receipt } from '../message.ts';
import type { Statement, Store } from '../store/open.ts';
import type { BrocaCommand, CommandContext, LiveBroca } from './command.ts';
import type { ConsoleReply, PartState, TurnState } from './command-values.ts';
import { command } from './define.ts';

const text = v.string();

export const consoleSend: BrocaCommand = command(
  v.strictObject({
    chat: v.optional(text, CONSOLE_DEFAULT_CHAT),
    externalId: text,
    text,
    attachments: v.optional(v.array(attachmentSchema), []),
    sender: v.optional(v.strictObject({ id: text, username: v.exactOptional(text), displayName: v.exactOptional(text) })),
    wait: v.optional(v.boolean(), true),
  }),
  async ({ wait, sender, ...message }, { store, live, signal, now }: CommandContext) => {
    if (live === null) return failed('no Broca runs here: start it with animus start, or with broca run in the agent folder');
    if (live.channel(CONSOLE_CHANNEL) === null) {
      return failed('the console is switched off: broca settings set plugins.console.enabled true, then restart the agent');
    }
    const inbound = { channel: CONSOLE_CHANNEL, account: '', at: now(), sender: sender ?? whoIAm(), ...message };
    const turnId = turnOf(live.receive(inbound));
    if (!turnId.ok) return turnId;
    if (turnId.value === null) return failed('this message was answered before, and its turn is deleted by now');
    return await replyTo(turnId.value, wait, store, live, signal);
  },
);

function turnOf(receipt: Receipt): Result<number | null, string> {
  switch (receipt.kind) {
    case 'stored':
    case 'duplicate':
      return ok(receipt.turnId);
    case 'refused':
      return failed(`the message was refused: ${receipt.reason}`);
    case 'unavailable':
      return failed(`the message could not be stored: ${receipt.reason}. Send it again once that is mended`);
    default:
      return unreachable(receipt);
  }
}

/** Looks before it waits: nothing can change between the two, both are one step of the event loop. */
async function replyTo(
  turn: number,
  wait: boolean,
  store: Store,
  live: LiveBroca,
  signal: AbortSignal,
): Promise<Result<ConsoleReply, string>> {
  for (;;) {
    const reply = readReply(store, turn);
    if (reply === null) return failed(`turn ${turn} was deleted`);
    if (reply.isOver || !wait || signal.aborted) return ok(reply);
    await live.events.nextChange(turn, signal);
  }
}

const OVER: ReadonlySet<PartState> = new Set(['sent', 'refused', 'uncertain']);

type TurnEnd = { state: TurnState; outcome: string | null; reason: string | null };
type Statements = { turn: Statement<[number], TurnEnd>; parts: Statement<[number], ConsoleReply['parts'][number]> };

/** Prepared once: a reply is read at each change of its turn. */
const prepared = new WeakMap<Store, Statements>();

function prepare(store: Store): Statements {
  const statements = {
    turn: store.prepare<[number], TurnEnd>('SELECT state, outcome, reason FROM turns WHERE id = ?'),
    parts: store.prepare<[number], ConsoleReply['parts'][number]>(
      'SELECT number, count, text, state FROM parts WHERE turn_id = ? ORDER BY id',
    ),
  };
  prepared.set(store, statements);
  return statements;
}

function readReply(store: Store, turn: number): ConsoleReply | null {
  const statements = prepared.get(store) ?? prepare(store);
  const row = statements.turn.get(turn);
  if (row === undefined) return null;
  const parts = statements.parts.all(turn);
  const isDecided = row.state === 'settled' || row.state === 'parked';
  return { turnId: turn, isOver: isDecided && parts.every(({ state }) => OVER.has(state)), ...row, parts };
}

/** The person at the terminal is the user that runs Broca: the socket is theirs alone. */
function whoIAm(): { id: string; username: string } {
  const { username } = userInfo();
  return { id: username, username };
}
