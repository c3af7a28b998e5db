/**
 * An example of a channel plugin: messages come in as HTTP POSTs, replies go out as HTTP POSTs.
 *
 *     POST http://127.0.0.1:<port>/  Authorization: Bearer <WEBHOOK_TOKEN>
 *     {"id":"m1","chat":"c1","sender":{"id":"ada","username":"ada"},"text":"Hello"}
 *
 * settings.json:  "plugins": { "webhook": { "enabled": true, "port": 8700, "reply_url": "http://127.0.0.1:8701/replies" } }
 * .env:           WEBHOOK_TOKEN=a long random text
 *
 * docs/channels.md explains it. It needs no package; only types are imported, and those are gone when it runs.
 */
import { timingSafeEqual } from 'node:crypto';
import http from 'node:http';
import type { Channel, ChannelContext, ChannelPlugin, DeliveryOutcome, Inbound, Part, Receipt, StandardResult } from 'broca-core';

type Settings = { port: number; reply_url: string };

const LONGEST_BODY = 1_000_000;
const STATUS: Record<Receipt['kind'], number> = { stored: 202, duplicate: 200, refused: 422, unavailable: 503 };

const webhook: ChannelPlugin = {
  name: 'webhook',
  title: 'Webhook',
  // The receiver drops a second POST with the same Idempotency-Key. If yours does not, write false.
  capabilities: { idempotent: true, longestPart: 4000, markup: 'plain' },
  enabledByDefault: false,
  environment: ['WEBHOOK_TOKEN'],
  settings: { '~standard': { version: 1, vendor: 'webhook', validate: checkSettings } },
  create: (context) => new Webhook(context, context.settings as Settings),
};

// biome-ignore lint/style/noDefaultExport: this is how Broca finds a plugin in a module.
export default webhook;

/** Any Standard Schema will do; valibot, zod and arktype make them for you. */
function checkSettings(value: unknown): StandardResult {
  const { port, reply_url: url } = value as Record<string, unknown>;
  const issues = [];
  if (!Number.isInteger(port) || Number(port) < 1 || Number(port) > 65_535)
    issues.push({ message: 'write a port from 1 to 65535', path: ['port'] });
  if (typeof url !== 'string' || !URL.canParse(url))
    issues.push({ message: 'write the address replies are posted to', path: ['reply_url'] });
  return issues.length === 0 ? { value } : { issues };
}

class Webhook implements Channel {
  readonly #context: ChannelContext;
  readonly #settings: Settings;
  // A fault that nobody catches stops the whole plugin, so none may come from what a stranger sends.
  readonly #server = http.createServer((request, response) => void this.#take(request, response).catch(() => response.destroy()));

  constructor(context: ChannelContext, settings: Settings) {
    this.#context = context;
    this.#settings = settings;
  }

  async start(): Promise<void> {
    if (this.#context.environment('WEBHOOK_TOKEN') === undefined) throw new Error('WEBHOOK_TOKEN is missing in .env');
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#settings.port, '127.0.0.1', resolve);
    });
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #take(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(JSON.stringify(body));
    };
    if (!this.#isAllowed(request.headers.authorization ?? '')) return answer(401, { error: 'the token is wrong' });
    const inbound = parseMessage(await readBody(request));
    if (inbound === null) return answer(400, { error: 'write {"id","chat","sender":{"id"},"text"}' });
    // When this returns `stored`, the message is on the disk. Only now may it be acknowledged.
    const receipt = this.#context.receive(inbound);
    answer(STATUS[receipt.kind], receipt);
  }

  #isAllowed(authorization: string): boolean {
    const wanted = Buffer.from(`Bearer ${this.#context.environment('WEBHOOK_TOKEN')}`);
    const given = Buffer.from(authorization);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  }

  async deliver(part: Part, signal: AbortSignal): Promise<DeliveryOutcome> {
    const { chat, inReplyTo, number, count, text } = part;
    const headers = { 'content-type': 'application/json', 'idempotency-key': part.key };
    const body = JSON.stringify({ chat, inReplyTo, part: number, parts: count, text });
    const status = await post(this.#settings.reply_url, headers, body, signal).catch((error: NodeJS.ErrnoException) => error);
    if (status instanceof Error) {
      // Nobody listens: nothing was sent, and nothing else will get through either. Anything else leaves it open.
      if (status.code === 'ECONNREFUSED') return { kind: 'down', reason: status.message };
      return { kind: 'uncertain', reason: status.message };
    }
    if (status < 300) return { kind: 'delivered' };
    // Not before so many ms; Broca waits longer each time by itself.
    if (status === 429 || status >= 500) return { kind: 'retry', afterMs: 0, reason: `the receiver said ${status}` };
    return { kind: 'refused', reason: `the receiver said ${status}` };
  }
}

async function readBody(request: http.IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) {
    body += chunk;
    if (body.length > LONGEST_BODY) return '';
  }
  return body;
}

/** Only what makes it JSON of our shape is checked here; Broca checks every field of an inbound again. */
function parseMessage(body: string): Inbound | null {
  try {
    const { id, chat, sender, text } = JSON.parse(body) as { id: string; chat: string; sender: Inbound['sender']; text: string };
    return { channel: 'webhook', account: '', chat, externalId: id, sender, text, attachments: [], at: Date.now() };
  } catch {
    return null;
  }
}

async function post(url: string, headers: http.OutgoingHttpHeaders, body: string, signal: AbortSignal): Promise<number> {
  return await new Promise((resolve, reject) => {
    const request = http.request(url, { method: 'POST', headers, signal }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? 500)).once('error', reject);
    });
    request.once('error', reject).end(body);
  });
}
