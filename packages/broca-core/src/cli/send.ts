/**
 * Sends one message and waits for its reply. The message has one id from the start: when Broca goes
 * away meanwhile, the same is asked again of the next one, which finds the same turn.
 */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { agentIdOfFolder, failed, ok, type Result, unreachable } from 'animus-protocol';
import * as v from 'valibot';
import type { ConsoleReply } from '../commands/command-values.ts';
import { folderFault } from '../folder-fault.ts';
import { describeConnectFault, reachBroca, socketOf } from './ask.ts';
import { attachFile } from './attach.ts';
import { type BrocaClient, connectToBroca } from './client.ts';

const RECONNECT_MS = 200;
const SLOWEST_RECONNECT_MS = 2_000;
const LAST_LOOK_MS = 500;
/** Longer than most pauses before a restart; without a supervisor nobody comes. */
const RESTART_PATIENCE_MS = 15_000;

export type Sending = {
  folder: string;
  chat: string;
  text: string;
  /** Paths of files to send with it. */
  files: readonly string[];
  wait: boolean;
  timeoutMs: number;
  /** Once it aborts nobody waits any longer: as if the time were over. */
  left?: AbortSignal;
  /** Something a person who waits should know. */
  notice(text: string): void;
};

export type Sent =
  | { kind: 'reply'; reply: ConsoleReply }
  | { kind: 'failed'; error: string }
  /** `last` is what was heard of it last; null when not even the storing was. */
  | { kind: 'timeout'; last: ConsoleReply | null };

const consoleReply = v.object({
  turnId: v.nullable(v.number()),
  isOver: v.boolean(),
  state: v.nullable(v.picklist(['queued', 'waiting', 'running', 'settled', 'parked'])),
  outcome: v.nullable(v.string()),
  reason: v.nullable(v.string()),
  parts: v.array(
    v.object({
      number: v.number(),
      count: v.number(),
      text: v.string(),
      state: v.picklist(['queued', 'waiting', 'sending', 'sent', 'refused', 'uncertain']),
    }),
  ),
});

export async function sendMessage(sending: Sending): Promise<Sent> {
  const deadline = performance.now() + sending.timeoutMs;
  const first = await reachRunning(sending, deadline);
  if (!first.ok) return { kind: 'failed', error: first.error };
  const { promise: late, resolve: giveUp } = Promise.withResolvers<'late'>();
  const timer = setTimeout(() => giveUp('late'), Math.max(1, deadline - performance.now()));
  const leave = (): void => giveUp('late');
  sending.left?.addEventListener('abort', leave);
  const conversation = new Conversation(sending, first.value);
  const sent = await Promise.race([conversation.run(), late]);
  clearTimeout(timer);
  sending.left?.removeEventListener('abort', leave);
  if (sent === 'late') await conversation.look();
  conversation.close();
  return sent === 'late' ? { kind: 'timeout', last: conversation.last } : sent;
}

async function reachRunning(sending: Sending, deadline: number): Promise<Result<BrocaClient, string>> {
  const { folder } = sending;
  const fault = folderFault(folder);
  if (fault !== null) return failed(fault);
  const restarted = await reachRestarted(sending, deadline);
  if (restarted !== null) return restarted;
  const reached = await reachBroca(folder, deadline - performance.now());
  if (!reached.ok) return reached;
  if (reached.value.kind === 'running') return ok(reached.value.client);
  reached.value.lock.release();
  const name = basename(folder);
  const agent = agentIdOfFolder(name) === null ? '' : ` ${name}`;
  return failed(`no Broca runs in ${folder}, so nobody would answer: start it with animus start${agent}, or with broca run`);
}

/** A Broca that stops takes its socket away; one that was killed leaves it behind, and its supervisor is starting the next one. */
async function reachRestarted({ folder, notice, left }: Sending, deadline: number): Promise<Result<BrocaClient, string> | null> {
  const path = socketOf(folder);
  if (!existsSync(path)) return null;
  const giveUpAt = Math.min(deadline, performance.now() + RESTART_PATIENCE_MS);
  for (let isSaid = false; ; isSaid = true) {
    const client = await connectToBroca(path, deadline - performance.now());
    if (client.ok) return client;
    if (client.error.kind !== 'absent') return failed(describeConnectFault(client.error, folder));
    if (performance.now() >= giveUpAt || left?.aborted) return null;
    if (!isSaid) notice('Broca was killed; waiting for it to come back');
    await sleep(RECONNECT_MS);
  }
}

class Conversation {
  last: ConsoleReply | null = null;
  #sending: Sending;
  #client: BrocaClient | null;
  #isClosed = false;
  #isLossSaid = false;
  #externalId = randomUUID();
  /** Null until all files are stored. */
  #attachments: unknown[] | null = null;

  constructor(sending: Sending, client: BrocaClient) {
    this.#sending = sending;
    this.#client = client;
  }

  close(): void {
    this.#isClosed = true;
    this.#client?.close();
  }

  /** How it stands when time is over; asked of a Broca that may hang, so not for long. */
  async look(): Promise<void> {
    if (this.#client === null || this.last === null) return;
    const over = new AbortController();
    const late = sleep(LAST_LOOK_MS, null, { signal: over.signal }).catch(() => null);
    const seen = await Promise.race([this.#request(this.#client, false), late]);
    over.abort();
    if (seen !== null && seen !== 'again' && seen.kind === 'reply') this.last = seen.reply;
  }

  async run(): Promise<Sent> {
    let pauseMs = RECONNECT_MS;
    for (;;) {
      if (this.#client !== null) {
        const sent = await this.#ask(this.#client);
        if (sent !== 'again') return sent;
        this.#client.close();
        this.#sayLost();
      }
      await sleep(pauseMs);
      if (this.#isClosed) return { kind: 'timeout', last: this.last };
      const client = await connectToBroca(socketOf(this.#sending.folder));
      this.#client = client.ok ? client.value : null;
      if (this.#isClosed) this.#client?.close();
      pauseMs = client.ok ? RECONNECT_MS : Math.min(pauseMs * 2, SLOWEST_RECONNECT_MS);
    }
  }

  /** All its files are stored, by this Broca or by the one before. */
  async #attach(client: BrocaClient): Promise<Sent | 'again' | 'attached'> {
    const attachments: unknown[] = [];
    for (const path of this.#sending.files) {
      const attached = await attachFile(client, path);
      if (attached.kind === 'lost') return 'again';
      if (attached.kind === 'failed') return attached;
      attachments.push(attached.attachment);
    }
    this.#attachments = attachments;
    return 'attached';
  }

  /** Stores it first, so that its turn is known; then waits. Both are the same message to Broca. */
  async #ask(client: BrocaClient): Promise<Sent | 'again'> {
    const attached = this.#attachments === null ? await this.#attach(client) : 'attached';
    if (attached !== 'attached') return attached;
    const stored = await this.#request(client, false);
    if (stored === 'again' || stored.kind !== 'reply') return stored;
    this.last = stored.reply;
    if (!this.#sending.wait || stored.reply.isOver) return stored;
    const replied = await this.#request(client, true);
    return replied !== 'again' && replied.kind === 'reply' && !replied.reply.isOver ? 'again' : replied;
  }

  async #request(client: BrocaClient, wait: boolean): Promise<Sent | 'again'> {
    const { chat, text } = this.#sending;
    const attachments = this.#attachments ?? [];
    const answer = await client.request('console.send', { chat, text, attachments, externalId: this.#externalId, wait });
    switch (answer.kind) {
      case 'lost':
        return 'again';
      case 'error':
        return { kind: 'failed', error: answer.error };
      case 'value': {
        const parsed = v.safeParse(consoleReply, answer.value);
        if (parsed.success) return { kind: 'reply', reply: parsed.output };
        return { kind: 'failed', error: `Broca ${client.hello.version} gave an answer that this CLI cannot read: restart the agent` };
      }
      default:
        return unreachable(answer);
    }
  }

  #sayLost(): void {
    if (this.#isLossSaid || this.#isClosed) return;
    this.#isLossSaid = true;
    this.#sending.notice('Broca ended while it worked on this; waiting for it to come back');
  }
}
