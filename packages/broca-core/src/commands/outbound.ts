/**
 * `outbound.send`: a message that nobody asked for, from a program or a person at the terminal. It is a turn
 * that is settled at once, whose parts go through the outbox like those of any reply. A key makes it safe to
 * ask again: the same key is the same message, for ever.
 */
import { createHash } from 'node:crypto';
import { type BrocaConfig, failed, ok, type Result, readBrocaConfig } from 'animus-protocol';
import * as v from 'valibot';
import type { ComposedPart } from '../channel/channel.ts';
import { type RememberedChannels, rememberedChannels } from '../channel/remember.ts';
import { splitText } from '../outbox/split-policy.ts';
import { createOutbox } from '../outbox/sqlite-outbox.ts';
import type { Store } from '../store/open.ts';
import type { BrocaCommand, CommandContext } from './command.ts';
import type { OutboundResult, PartState } from './command-values.ts';
import { command } from './define.ts';
import { type Destination, findDestination } from './outbound-destination.ts';
import { person } from './users.ts';

const MINUTE_MS = 60_000;
/** Rows without a key only count towards the rate. */
const FORGET_KEYLESS_MS = 24 * 60 * 60 * 1000;

const name = v.pipe(v.string(), v.nonEmpty('must not be empty'), v.maxLength(512, 'must have at most 512 characters'));

export const outboundSend: BrocaCommand = command(
  v.pipe(
    v.strictObject({
      channel: name,
      account: v.exactOptional(v.pipe(v.string(), v.maxLength(512))),
      user: v.exactOptional(person),
      chat: v.exactOptional(name),
      text: v.string(),
      idempotencyKey: v.exactOptional(name),
      dryRun: v.optional(v.boolean(), false),
      wait: v.optional(v.boolean(), false),
    }),
    v.check(({ user, chat }) => (user === undefined) !== (chat === undefined), 'name either a user or a chat'),
  ),
  async ({ wait, ...asked }, context: CommandContext) => {
    const { config } = readBrocaConfig(context.folder);
    if (config === null) return failed('the configuration cannot be used: see broca settings validate');
    if (!config.outbound.isEnabled) {
      return failed('sending what nobody asked for is switched off: broca settings set outbound.enabled true');
    }
    const sent = context.store.transaction(() => send(asked, config, context)).immediate();
    if (!sent.ok || sent.value.turnId === null) return sent;
    const { turnId } = sent.value;
    if (!sent.value.isRepeat) context.live?.events.changed(turnId);
    if (!sent.value.isRepeat) context.live?.wake();
    return wait ? await delivered(sent.value, turnId, context) : sent;
  },
);

type Asked = { channel: string; account?: string; user?: string; chat?: string; text: string; idempotencyKey?: string; dryRun: boolean };

/** Inside one transaction, so that of two with one key only one is stored. */
function send(asked: Asked, config: BrocaConfig, { store, now, live }: CommandContext): Result<OutboundResult, string> {
  const { idempotencyKey: key = null, dryRun, ...words } = asked;
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([words.channel, words.account ?? null, words.user ?? null, words.chat ?? null, words.text]))
    .digest('hex');
  const known = key === null ? undefined : findKey(store, key);
  if (known !== undefined && known.asked !== fingerprint) {
    return failed(`the key ${JSON.stringify(key)} belongs to another message: take a new key for a new message`);
  }
  if (known !== undefined) return ok(resultOf(store, known.turnId, true));
  const fault = textFault(asked.text, config);
  if (fault !== null) return failed(fault);
  const channels = rememberedChannels(store);
  const longest = channels.get(asked.channel);
  if (longest === undefined) return failed(noChannel(asked.channel, channels));
  const destination = findDestination(store, asked);
  if (!destination.ok) return destination;
  const compose = (text: string) => live?.compose(asked.channel, text) ?? splitText(text, longest);
  if (dryRun) return ok(planned(destination.value, compose(asked.text.toWellFormed())));
  const busy = busyFault(store, config, now());
  if (busy !== null) return failed(busy);
  if (live?.isShort() === true) return failed('nothing was stored: the disk is full');
  const turnId = addTurn(store, destination.value, asked.text.toWellFormed(), compose, now());
  store.prepare('INSERT INTO outbounds (key, asked, turn_id, created_at) VALUES (?, ?, ?, ?)').run(key, fingerprint, turnId, now());
  store.prepare('DELETE FROM outbounds WHERE key IS NULL AND created_at < ?').run(now() - FORGET_KEYLESS_MS);
  return ok(resultOf(store, turnId, false));
}

function findKey(store: Store, key: string): { asked: string; turnId: number } | undefined {
  return store
    .prepare<[string], { asked: string; turnId: number }>('SELECT asked, turn_id AS turnId FROM outbounds WHERE key = ?')
    .get(key);
}

function textFault(text: string, { limits }: BrocaConfig): string | null {
  if (text.trim() === '') return 'the message is empty';
  if (text.length <= limits.messageLength) return null;
  return `the message is longer than ${limits.messageLength} characters (limits.message_length): send it in several`;
}

function noChannel(channel: string, channels: RememberedChannels): string {
  const known = [...channels.keys()].join(', ') || 'none, for the agent was never started';
  return `the agent has no channel ${channel} (it has: ${known}). A channel is known once the agent has run with it`;
}

function busyFault(store: Store, { outbound, limits }: BrocaConfig, now: number): string | null {
  const lately = store
    .prepare<[number, number], { count: number; first: number | null }>(
      'SELECT count(*) AS count, min(created_at) AS first FROM outbounds WHERE created_at > ? AND created_at <= ?',
    )
    .get(now - MINUTE_MS, now);
  if (lately !== undefined && lately.count >= outbound.perMinute) {
    const seconds = Math.ceil(((lately.first ?? now) + MINUTE_MS - now) / 1000);
    return `${lately.count} messages were sent within a minute, as many as outbound.per_minute allows: try again in ${seconds} s`;
  }
  const unsent = store.prepare<[], number>("SELECT count FROM tallies WHERE name = 'unsent' AND id = 0").pluck().get() ?? 0;
  return unsent < limits.waiting ? null : `${unsent} parts wait to be handed over already: see broca queue list`;
}

function addTurn(
  store: Store,
  to: Destination,
  text: string,
  compose: (text: string) => readonly (string | ComposedPart)[],
  now: number,
): number {
  const conversationId =
    to.conversationId ??
    Number(
      store
        .prepare('INSERT INTO conversations (channel, account, chat, created_at) VALUES (?, ?, ?, ?)')
        .run(to.channel, to.account, to.chat, now).lastInsertRowid,
    );
  const { lastInsertRowid } = store
    .prepare(
      `INSERT INTO turns (conversation_id, state, outcome, due_at, created_at, settled_at)
       VALUES (?, 'settled', 'unprompted', ?, ?, ?)`,
    )
    .run(conversationId, now, now, now);
  const turnId = Number(lastInsertRowid);
  const outbox = createOutbox(
    store,
    (_channel, whole) => compose(whole),
    () => now,
  );
  outbox.add([{ turnId, conversationId, channel: to.channel, inReplyTo: null, text }]);
  return turnId;
}

function planned({ conversationId, ...to }: Destination, texts: readonly (string | ComposedPart)[]): OutboundResult {
  const parts = texts.map((piece, index) => ({
    number: index + 1,
    count: texts.length,
    text: typeof piece === 'string' ? piece : piece.text,
    state: 'planned' as const,
    reason: null,
  }));
  return { turnId: null, isRepeat: false, isOver: false, isNewConversation: conversationId === null, ...to, parts };
}

const OVER: ReadonlySet<string> = new Set(['sent', 'refused', 'uncertain'] satisfies PartState[]);

/** As it stands now. Of a turn that was deleted since only the number is left. */
function resultOf(store: Store, turnId: number, isRepeat: boolean): OutboundResult {
  const to = store
    .prepare<[number], { channel: string; account: string; chat: string }>(
      'SELECT channel, account, chat FROM turns JOIN conversations ON conversations.id = conversation_id WHERE turns.id = ?',
    )
    .get(turnId) ?? { channel: '', account: '', chat: '' };
  const parts = store
    .prepare<[number], OutboundResult['parts'][number]>(
      'SELECT number, count, text, state, reason FROM parts WHERE turn_id = ? ORDER BY id',
    )
    .all(turnId);
  return { turnId, isRepeat, isOver: parts.every(({ state }) => OVER.has(state)), isNewConversation: false, ...to, parts };
}

/** Looks before it waits: nothing can change between the two, both are one step of the event loop. */
async function delivered(
  first: OutboundResult,
  turnId: number,
  { store, live, signal }: CommandContext,
): Promise<Result<OutboundResult, string>> {
  let result = first;
  while (live !== null && !result.isOver && !signal.aborted) {
    await live.events.nextChange(turnId, signal);
    result = resultOf(store, turnId, first.isRepeat);
  }
  return ok(result);
}
