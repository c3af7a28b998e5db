/** The questions of the Letta adapter, each one request with its answer parsed; and what they share. */

import type { Result } from 'animus-protocol';
import { failed, ok } from 'animus-protocol';
import { monotonicMs } from '../lifecycle/monotonic.ts';
import type { StoredAttachment } from '../message.ts';
import type { AttemptNews } from './letta.ts';
import { type Followed, follow, type RunLook } from './letta-rest-follow.ts';
import { isRecord, judgeRefusal, textIn, type Verdict } from './letta-rest-policy.ts';
import { caught, openTransport, type Transport, type Trouble } from './letta-rest-transport.ts';

export type LettaRestLog = {
  info(event: string, fields?: Record<string, unknown>): void;
  warn(event: string, fields?: Record<string, unknown>): void;
};

export type LettaRestSettings = {
  /** With or without a trailing `/v1`. */
  endpoint: string;
  apiKey: string;
  agentId: string;
  log?: LettaRestLog;
  /** Told when it changes: why turns go out in the foreground, without the server's lock and memory; null when they do not. */
  onForeground?: (reason: string | null) => void;
  /** The content of an image that an attempt shows; null when it is gone. Loaded only for such an attempt. */
  readImage?: (image: StoredAttachment) => Promise<Uint8Array | null>;
  now?: () => number;
  /** Longest silence of a stream, pings included; servers ping every 20 s. */
  idleTimeoutMs?: number;
  /** How long a stream may only ping before its run is looked at. */
  pingsOnlyMs?: number;
  /** Longest time to a response's head, and for a small answer to its end. */
  requestTimeoutMs?: number;
};

export type Tell = (news: AttemptNews) => void;

export type RunRecord = {
  id: string;
  status: 'going' | 'completed' | 'failed' | 'cancelled';
  stopReason: string | null;
  /** What the record says of its failure. */
  error: { type: string; message: string } | null;
  createdAt: number | null;
};

/** A user's words or pictures, as the V1 API takes them. */
export type ContentPart = { type: 'text'; text: string } | { type: 'image'; source: { type: 'base64'; media_type: string; data: string } };

/** A user's words, or the answer to tool calls that want approval. */
export type OutgoingMessage =
  | { role: 'user'; content: string | ContentPart[]; otid: string }
  | { type: 'approval'; approvals: { type: 'approval'; tool_call_id: string; approve: false; reason: string }[]; otid: string };

/** Where a message may go: on whichever route the server has, or only where it drops a second one of the same otid. */
export type SendRoute = 'any-route' | 'deduplicating';

export type Answer<T> = Result<T, Verdict>;
export type Row = Record<string, unknown>;

const PAGE = 100;
/** How long a server without background runs is taken at its word; asking it costs it a failed run each time. */
const FOREGROUND_MS = 60_000;
const ACTIVE_LIMIT = 50;

export class LettaWire {
  readonly agentId: string;
  readonly endpoint: string;
  readonly #settings: LettaRestSettings;
  readonly #closing = new AbortController();
  readonly #now: () => number;
  #transport: Promise<Transport> | null = null;
  #opened: Transport | null = null;
  #foregroundUntil = 0;
  #isForeground = false;

  constructor(settings: LettaRestSettings) {
    this.#settings = settings;
    this.agentId = settings.agentId;
    this.endpoint = plainEndpoint(settings.endpoint);
    this.#now = settings.now ?? Date.now;
  }

  get log(): LettaRestLog | undefined {
    return this.#settings.log;
  }

  readImage(image: StoredAttachment): Promise<Uint8Array | null> {
    return this.#settings.readImage?.(image) ?? Promise.resolve(null);
  }

  /** The server's clock as far as it was heard, else ours. */
  serverNow(): number {
    return this.#opened?.serverNow() ?? this.#now();
  }

  close(): void {
    this.#closing.abort();
    this.#opened?.close();
  }

  /** Asks with the client of the first use; its code is loaded then. */
  async ask<T>(question: (client: Transport['client'], signal: AbortSignal) => PromiseLike<T>, signal: AbortSignal): Promise<Answer<T>> {
    const { client } = await this.#open();
    const answer = await caught(question(client, AbortSignal.any([signal, this.#closing.signal])));
    return answer.ok ? answer : failed(verdictOf(answer.error));
  }

  async follow(
    open: (client: Transport['client'], signal: AbortSignal) => PromiseLike<AsyncIterable<unknown>>,
    tell: Tell,
    signal: AbortSignal,
  ): Promise<Followed> {
    const { client } = await this.#open();
    const { idleTimeoutMs = 60_000, pingsOnlyMs = 30_000 } = this.#settings;
    const lookAtRun = (runId: string, until: AbortSignal): Promise<RunLook> => this.lookAtRun(runId, until);
    return await follow(
      (until) => open(client, until),
      tell,
      { idleTimeoutMs, pingsOnlyMs, lookAtRun },
      AbortSignal.any([signal, this.#closing.signal]),
    );
  }

  /**
   * Sends messages and follows their run: in the background on the route that locks and deduplicates;
   * on a server without Redis, or without that route, in the foreground on the plain one, unless `route` forbids it.
   */
  async send(messages: readonly OutgoingMessage[], tell: Tell, signal: AbortSignal, route: SendRoute = 'any-route'): Promise<Followed> {
    const common = { messages: [...messages], include_pings: true, stream_tokens: false };
    const mustDeduplicate = route === 'deduplicating';
    if (mustDeduplicate || monotonicMs() >= this.#foregroundUntil) {
      const body = { ...common, agent_id: this.agentId, streaming: true, background: true };
      const followed = await this.follow(
        (client, until) => client.conversations.messages.create('default', body, { signal: until, maxRetries: 0 }),
        tell,
        signal,
      );
      const verdict = followed.kind === 'trouble' ? verdictOf(followed.trouble) : null;
      if (verdict?.kind !== 'no-background' && verdict?.kind !== 'missing') {
        if (followed.kind !== 'trouble') this.#inForeground(null);
        return followed;
      }
      if (mustDeduplicate) return followed;
      this.#inForeground(verdict.reason);
      this.#foregroundUntil = monotonicMs() + FOREGROUND_MS;
    }
    const body = { ...common, streaming: true as const, background: false };
    return await this.follow(
      (client, until) => client.agents.messages.create(this.agentId, body, { signal: until, maxRetries: 0 }),
      tell,
      signal,
    );
  }

  #inForeground(reason: string | null): void {
    if (this.#isForeground === (reason !== null)) return;
    this.#isForeground = reason !== null;
    if (reason === null) this.log?.info('letta-background');
    else this.log?.warn('letta-foreground', { reason });
    this.#settings.onForeground?.(reason);
  }

  async lookAtRun(runId: string, signal: AbortSignal): Promise<RunLook> {
    const run = await this.run(runId, signal);
    if (run.ok) return run.value.status === 'going' ? 'going' : 'over';
    return run.error.kind === 'missing' ? 'gone' : null;
  }

  async run(runId: string, signal: AbortSignal): Promise<Answer<RunRecord>> {
    const run = await this.ask((client, until) => client.runs.retrieve(runId, { signal: until }), signal);
    return run.ok ? ok(parseRun(run.value)) : run;
  }

  async activeRuns(signal: AbortSignal): Promise<Answer<RunRecord[]>> {
    const query = { agent_id: this.agentId, active: true, limit: ACTIVE_LIMIT };
    const page = await this.ask((client, until) => client.runs.list(query, { signal: until }), signal);
    return page.ok ? ok(page.value.items.map(parseRun)) : page;
  }

  async runMessages(runId: string, signal: AbortSignal): Promise<Answer<Row[]>> {
    return await this.#pages(
      (after, until) =>
        this.ask((client, s) => client.runs.messages.list(runId, { limit: PAGE, order: 'asc', ...after }, { signal: s }), until),
      null,
      signal,
    );
  }

  /** All messages of the agent after a known one, oldest first; of all times when none is known. */
  async messagesAfter(seenMessageId: string | null, signal: AbortSignal): Promise<Answer<Row[]>> {
    return await this.#pages(
      (after, until) =>
        this.ask((client, s) => client.agents.messages.list(this.agentId, { limit: PAGE, order: 'asc', ...after }, { signal: s }), until),
      seenMessageId,
      signal,
    );
  }

  /** The newest messages, newest first. */
  async newestMessages(limit: number, signal: AbortSignal): Promise<Answer<Row[]>> {
    const page = await this.ask(
      (client, until) => client.agents.messages.list(this.agentId, { limit, order: 'desc' }, { signal: until }),
      signal,
    );
    return page.ok ? ok(rowsOf(page.value.items)) : page;
  }

  async #pages(
    ask: (after: { after?: string }, signal: AbortSignal) => Promise<Answer<{ items: unknown }>>,
    first: string | null,
    signal: AbortSignal,
  ): Promise<Answer<Row[]>> {
    const rows: Row[] = [];
    for (let after = first; ; ) {
      const page = await ask(after === null ? {} : { after }, signal);
      if (!page.ok) return page;
      const fresh = rowsOf(page.value.items);
      rows.push(...fresh);
      const last = fresh.at(-1);
      const next = last === undefined ? null : textIn(last, 'id');
      // A message may read as several rows, so a short page is the last one, and a full one may be.
      if (next === null || fresh.length < PAGE) return ok(rows);
      after = next;
    }
  }

  async #open(): Promise<Transport> {
    const { apiKey, requestTimeoutMs = 60_000 } = this.#settings;
    this.#transport ??= openTransport({ baseUrl: this.endpoint, apiKey, now: this.#now, timeoutMs: requestTimeoutMs });
    this.#opened = await this.#transport;
    if (this.#closing.signal.aborted) this.#opened.close();
    return this.#opened;
  }
}

/** The client adds `/v1` itself. */
export function plainEndpoint(endpoint: string): string {
  return endpoint.trim().replace(/\/+$/, '').replace(/\/v1$/, '').replace(/\/+$/, '');
}

export function verdictOf(trouble: Trouble): Verdict {
  if (trouble.kind === 'refused') return judgeRefusal(trouble.refusal);
  if (trouble.left) return { kind: 'broken', reason: trouble.reason };
  return { kind: 'unavailable', reason: trouble.reason, afterMs: null };
}

function rowsOf(items: unknown): Row[] {
  return Array.isArray(items) ? items.filter(isRecord) : [];
}

function parseRun(value: unknown): RunRecord {
  const run = isRecord(value) ? value : {};
  const status = textIn(run, 'status');
  const createdAt = Date.parse(textIn(run, 'created_at') ?? '');
  const metadata = isRecord(run['metadata']) ? run['metadata'] : {};
  return {
    id: textIn(run, 'id') ?? '',
    status: status === 'completed' || status === 'failed' || status === 'cancelled' ? status : 'going',
    stopReason: textIn(run, 'stop_reason'),
    error: parseError(metadata['error']),
    createdAt: Number.isNaN(createdAt) ? null : createdAt,
  };
}

function parseError(value: unknown): RunRecord['error'] {
  if (typeof value === 'string') return { type: 'error', message: value };
  if (!isRecord(value)) return null;
  return { type: textIn(value, 'error_type') ?? 'error', message: textIn(value, 'message') ?? '' };
}

export function reasonOf(verdict: Verdict): string {
  return 'reason' in verdict
    ? verdict.reason
    : verdict.kind === 'busy'
      ? 'another run has the conversation'
      : 'a tool call waits for approval';
}
