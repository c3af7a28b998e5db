/**
 * The Letta client over node:http. The client's own way makes global Headers, Response and FormData,
 * which load undici: 6 MB of each Broca, and 200 ms before its first request on a busy machine. So
 * sending is done here, without any retry; paths, parameters and stream decoding stay the client's.
 */
import type { Agent, IncomingMessage } from 'node:http';
import type { Letta as LettaClient } from '@letta-ai/letta-client';
import { failed, ok, type Result } from 'animus-protocol';
import type { Refusal } from './letta-rest-policy.ts';

export type Trouble =
  | { kind: 'refused'; refusal: Refusal }
  /** No response, or no whole one. `left`: the request may have arrived. */
  | { kind: 'broken'; reason: string; left: boolean };

export type Transport = {
  client: LettaClient;
  /** The server's clock (ms), from the Date of its last response; null until one was heard. */
  serverNow(): number | null;
  close(): void;
};

export type TransportOptions = { baseUrl: string; apiKey: string; now: () => number; timeoutMs: number };

/** Idle connections are closed before servers do it (uvicorn: 5 s), so that no turn is sent into a closing one. */
const IDLE_CONNECTION_MS = 4_000;
const LONGEST_ERROR_BODY = 65_536;
/** A server that asks for more than this is asked again all the same: nobody waits for days on its word alone. */
const LONGEST_RETRY_AFTER_MS = 60 * 60 * 1000;

class Troubled extends Error {
  readonly trouble: Trouble;
  constructor(trouble: Trouble) {
    super(trouble.kind === 'refused' ? `status ${trouble.refusal.status}` : trouble.reason);
    this.trouble = trouble;
  }
}

/** Makes a value of every way in which a request can fail. A break in the middle of an answer counts as one. */
export async function caught<T>(work: PromiseLike<T>): Promise<Result<T, Trouble>> {
  try {
    return ok(await work);
  } catch (error) {
    return failed(troubleOf(error));
  }
}

export function troubleOf(error: unknown): Trouble {
  if (error instanceof Troubled) return error.trouble;
  return { kind: 'broken', reason: nameOf(error), left: true };
}

export async function openTransport(options: TransportOptions): Promise<Transport> {
  const { APIPromise, Letta, PagePromise } = await import('./letta-rest-library.ts');
  const wire = new Wire(options);

  class Client extends Letta {
    override request: LettaClient['request'] = (request) => new APIPromise(this, wire.exchange(this, request));
    override requestAPIList: LettaClient['requestAPIList'] = (page, request) => new PagePromise(this, wire.exchange(this, request), page);
  }
  const client = new Client({ baseURL: options.baseUrl, apiKey: options.apiKey, maxRetries: 0, logLevel: 'off', fetch: refuseFetch });
  return { client, serverNow: () => wire.serverNow(), close: () => wire.close() };
}

function refuseFetch(): never {
  throw new Error('a request of the Letta client went past the transport');
}

type ClientRequestOptions = Awaited<Parameters<LettaClient['request']>[0]>;
type Exchange = ConstructorParameters<typeof import('@letta-ai/letta-client').APIPromise>[1];

class Wire {
  readonly #options: TransportOptions;
  readonly #closing = new AbortController();
  // By `import` every export of node:http is read, the one that loads undici too.
  readonly #http = process.getBuiltinModule('node:http');
  #agent: Agent | null = null;
  #aheadMs: number | null = null;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  serverNow(): number | null {
    return this.#aheadMs === null ? null : this.#options.now() + this.#aheadMs;
  }

  close(): void {
    this.#closing.abort();
    this.#agent?.destroy();
  }

  async exchange(client: LettaClient, asked: ClientRequestOptions | PromiseLike<ClientRequestOptions>): Exchange {
    const options = await asked;
    const controller = new AbortController();
    const signals = [controller.signal, this.#closing.signal, ...(options.signal ? [options.signal] : [])];
    const url = new URL(client.buildURL(options.path, { ...options.query }));
    const response = await this.#send(url, options, AbortSignal.any(signals));
    this.#readClock(response);
    if ((response.statusCode ?? 0) < 200 || (response.statusCode ?? 0) >= 300) throw new Troubled(await this.#refusal(response));
    // The client reads headers.get, json, text and body of a response, nothing else.
    const lean = new LeanResponse(response, url.href) as unknown as Response;
    return { response: lean, options, controller, requestLogID: '', retryOfRequestLogID: undefined, startTime: 0 };
  }

  #send(url: URL, options: ClientRequestOptions, signal: AbortSignal): Promise<IncomingMessage> {
    const isSecure = url.protocol === 'https:';
    const { request: open, Agent } = isSecure ? process.getBuiltinModule('node:https') : this.#http;
    this.#agent ??= new Agent({ keepAlive: true, timeout: IDLE_CONNECTION_MS });
    const agent = this.#agent;
    const body = options.body === undefined ? null : JSON.stringify(options.body);
    return new Promise((resolve, reject) => {
      let left = false;
      const request = open(url, { method: options.method.toUpperCase(), headers: this.#headers(body), agent });
      let ended: string | null = null;
      // Without an error: node:http would give it to a connection that may be free, and nobody's, by then.
      const end = (why: string): void => {
        ended ??= why;
        request.destroy();
      };
      const stop = (): void => end('it was not waited for any longer');
      const late = setTimeout(() => end(`no answer within ${this.#options.timeoutMs} ms`), this.#options.timeoutMs);
      const letGo = (): void => {
        clearTimeout(late);
        signal.removeEventListener('abort', stop);
      };
      // Given to node:http, the signal would hold the connection as well, and end it under a later request.
      signal.addEventListener('abort', stop, { once: true });
      request.once('close', letGo);
      request.once('socket', (socket) => {
        if (!socket.connecting) left = true;
        else {
          socket.once(isSecure ? 'secureConnect' : 'connect', () => {
            left = true;
          });
        }
      });
      // Stays for good: an error after the response began is the reader's, and must not be nobody's.
      request.on('error', (error) => reject(new Troubled({ kind: 'broken', reason: ended ?? this.#unsecret(nameOf(error)), left })));
      request.once('response', (response) => {
        response.on('error', () => undefined);
        response.once('end', letGo);
        if (options.stream === true) clearTimeout(late);
        resolve(response);
      });
      if (signal.aborted) stop();
      else request.end(body ?? undefined);
    });
  }

  #headers(body: string | null): Record<string, string> {
    return {
      accept: 'application/json',
      'user-agent': 'animus-broca',
      authorization: `Bearer ${this.#options.apiKey}`,
      // Without it Letta takes the caller for an old client and refuses to stream.
      'x-stainless-package-version': '1.12.1',
      'x-stainless-lang': 'js',
      ...(body === null ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
    };
  }

  #readClock(response: IncomingMessage): void {
    const at = Date.parse(response.headers.date ?? '');
    if (!Number.isNaN(at)) this.#aheadMs = at - this.#options.now();
  }

  async #refusal(response: IncomingMessage): Promise<Trouble> {
    const text = this.#unsecret(await readText(response, LONGEST_ERROR_BODY).catch(() => ''));
    let body: unknown = text;
    try {
      body = JSON.parse(text);
    } catch {
      // A gateway's page, or nothing: the text itself is the body.
    }
    const retryAfterMs = parseRetryAfter(response.headers['retry-after'], this.#options.now());
    return { kind: 'refused', refusal: { status: response.statusCode ?? 0, body, retryAfterMs } };
  }

  /** A server may repeat the key in its complaint about it. */
  #unsecret(text: string): string {
    const { apiKey } = this.#options;
    return apiKey === '' ? text : text.replaceAll(apiKey, '[key]');
  }
}

class LeanResponse {
  readonly ok = true;
  readonly body: IncomingMessage;
  readonly url: string;
  readonly status: number;
  readonly headers: { get(name: string): string | null };

  constructor(response: IncomingMessage, url: string) {
    this.body = response;
    this.url = url;
    this.status = response.statusCode ?? 0;
    this.headers = { get: (name) => response.headers[name.toLowerCase()]?.toString() ?? null };
  }

  text(): Promise<string> {
    return readText(this.body, Number.POSITIVE_INFINITY);
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }
}

/** Reads to the end, so that the connection can be used again, and keeps at most `limit` characters. */
async function readText(response: IncomingMessage, limit: number): Promise<string> {
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) {
    if (text.length < limit) text += chunk;
  }
  return text.length > limit ? text.slice(0, limit) : text;
}

function parseRetryAfter(header: string | undefined, now: number): number | null {
  if (header === undefined || header.trim() === '') return null;
  const seconds = Number(header);
  const ms = Number.isNaN(seconds) ? Date.parse(header) - now : seconds * 1000;
  return Number.isNaN(ms) ? null : Math.min(Math.max(0, ms), LONGEST_RETRY_AFTER_MS);
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unreadable answer';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : null;
  return code === null || error.message.includes(code) ? error.message : `${code}: ${error.message}`;
}
