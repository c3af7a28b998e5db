/**
 * The HTTP side: reads a request, records it, lets faults act, asks the route, writes the reply. Everything the server
 * remembers is in the world; this file holds only sockets.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { agentRoutes, SERVER_VERSION } from './agents.ts';
import { AnswerWriter } from './answer-writer.ts';
import { blockRoutes } from './blocks.ts';
import type { FaultBook, FaultDeed } from './faults.ts';
import { identityRoutes } from './identities.ts';
import { isObject, type Json, parseJson, textAt } from './json.ts';
import { answer, type Reply, refuse } from './reply.ts';
import type { Ask, Route } from './route.ts';
import { runRoutes } from './runs.ts';
import { sendRoutes } from './send-message.ts';
import { dataFrame, wirePing } from './wire.ts';
import type { RecordedRequest, World } from './world.ts';

const ROUTES: readonly Route[] = [
  { name: 'health', method: 'GET', path: '/v1/health/', handle: () => answer({ version: SERVER_VERSION, status: 'ok' }) },
  ...sendRoutes,
  ...runRoutes,
  ...agentRoutes,
  ...blockRoutes,
  ...identityRoutes,
];

type Incoming = { request: IncomingMessage; response: ServerResponse; recorded: RecordedRequest; ask: Ask; route: Route | null };

export class LettaServer {
  readonly #world: World;
  readonly #faults: FaultBook;
  readonly #pingIntervalMs: number;
  readonly #server: Server;
  readonly #open = new Set<() => void>();
  readonly bugs: unknown[] = [];
  #port: number;
  /** How often it was stopped. */
  #life = 0;

  constructor(world: World, faults: FaultBook, settings: { port: number; pingIntervalMs: number }) {
    this.#world = world;
    this.#faults = faults;
    this.#pingIntervalMs = settings.pingIntervalMs;
    this.#port = settings.port;
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((bug: unknown) => {
        this.bugs.push(bug);
        response.destroy();
      });
    });
  }

  get port(): number {
    return this.#port;
  }

  /** Listens, on the same port as before when it listened before. */
  async listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address !== null && typeof address === 'object') {
      this.#port = address.port;
    }
  }

  /** Closes every connection at once, and the listening socket. */
  async stop(): Promise<void> {
    if (this.#server.listening) {
      this.#life += 1;
      const closed = once(this.#server, 'close');
      this.#server.close();
      this.#server.closeAllConnections();
      await closed;
    }
  }

  /** A keepalive ping on every open stream that asked for pings. */
  pingAll(): void {
    for (const ping of this.#open) {
      ping();
    }
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const incoming = await this.#read(request, response);
    if (incoming === null) {
      return;
    }
    const { recorded } = incoming;
    response.setHeader('date', new Date(this.#world.now()).toUTCString());
    response.setHeader('server', 'uvicorn');
    this.#world.requests.push(recorded);
    this.#world.emit({ kind: 'request', request: recorded });
    const fault = this.#faults.take(recorded);
    if (fault !== null) {
      this.#world.emit({ kind: 'fault', number: recorded.number, request: recorded });
    }
    const life = this.#life;
    const isAnswered = fault !== null && (await this.#before(incoming, fault.deed, fault.released));
    // A request that was taken is carried out though its client left, but not though its server died.
    if (isAnswered || life !== this.#life) {
      return;
    }
    const spoil = fault !== null && (fault.deed.kind === 'cut' || fault.deed.kind === 'stall') ? fault.deed : null;
    await this.#reply(incoming, new AnswerWriter(response, spoil));
  }

  /** What a fault does before the route is asked; true when the request is dealt with. */
  async #before(incoming: Incoming, deed: FaultDeed, released: Promise<void>): Promise<boolean> {
    switch (deed.kind) {
      case 'status':
        if (deed.ran === true) {
          await Promise.race([this.#route(incoming), Promise.resolve()]);
        }
        new AnswerWriter(incoming.response, null).json(deed.status, deed.body, deed.headers ?? {});
        return true;
      case 'delay':
        await pause(deed.ms, undefined, { ref: false });
        return false;
      case 'hold':
        await released;
        return false;
      case 'drop':
        incoming.request.socket.destroy();
        return true;
      case 'cut':
      case 'stall':
        return false;
    }
  }

  async #read(request: IncomingMessage, response: ServerResponse): Promise<Incoming | null> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) {
        chunks.push(chunk);
      }
    } catch {
      // The client left in the middle of its own request: nothing was asked.
      return null;
    }
    const text = Buffer.concat(chunks).toString();
    const parsed = text === '' ? undefined : parseJson(text);
    const url = new URL(request.url ?? '/', 'http://localhost');
    const headers = plainHeaders(request);
    const apiKey = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
    const method = request.method ?? 'GET';
    const found = findRoute(method, url.pathname);
    const body = parsed?.ok === true ? parsed.value : undefined;
    const ask: Ask = { world: this.#world, apiKey, params: found?.params ?? {}, query: url.searchParams, body, headers };
    const recorded: RecordedRequest = {
      number: this.#world.requests.length + 1,
      at: this.#world.now(),
      method,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      route: found?.route.name ?? null,
      agentId: agentNamed(ask),
      headers: { ...headers, ...(apiKey === '' ? {} : { authorization: `Bearer ${fingerprint(apiKey)}` }) },
      body: parsed !== undefined && !parsed.ok ? text : body,
    };
    return { request, response, recorded, ask, route: found?.route ?? null };
  }

  #route(incoming: Incoming): Reply | Promise<Reply> {
    const { ask, route, recorded } = incoming;
    if (recorded.path === '/v1/health/' && route !== null) {
      return route.handle(ask);
    }
    if (!this.#world.knowsKey(ask.apiKey)) {
      return refuse(401, 'Unauthorized');
    }
    if (route !== null) {
      const isBroken = ask.body === undefined && recorded.body !== undefined;
      return isBroken ? refuse(422, [{ type: 'json_invalid', loc: ['body', 0], msg: 'JSON decode error' }]) : route.handle(ask);
    }
    return noRoute(recorded);
  }

  async #reply(incoming: Incoming, writer: AnswerWriter): Promise<void> {
    const reply = await this.#route(incoming);
    if (incoming.response.destroyed) {
      return;
    }
    if (reply.kind === 'json') {
      writer.json(reply.status, reply.body, reply.headers);
    } else {
      await this.#stream(incoming, writer, reply);
    }
  }

  async #stream(incoming: Incoming, writer: AnswerWriter, reply: Reply & { kind: 'stream' }): Promise<void> {
    const { response, recorded } = incoming;
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const { pingRunId } = reply;
    const ping = (): void => {
      if (pingRunId !== null) {
        if (!response.headersSent) {
          writer.streamHead();
        }
        writer.ping(dataFrame(wirePing(pingRunId, this.#world.now())));
      }
    };
    const timer = setInterval(ping, this.#pingIntervalMs).unref();
    this.#open.add(ping);
    this.#world.emit({ kind: 'stream-opened', request: recorded });
    try {
      for await (const frame of reply.frames(gone.signal)) {
        // As the real one: the status goes out with the first frame, not before.
        if (!response.headersSent) {
          writer.streamHead();
        }
        writer.frame(frame);
      }
      writer.end();
      if (writer.isStalled && !gone.signal.aborted) {
        await once(gone.signal, 'abort');
      }
    } finally {
      clearInterval(timer);
      this.#open.delete(ping);
      this.#world.emit({ kind: 'stream-closed', request: recorded });
    }
  }
}

function plainHeaders(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    headers[name] = Array.isArray(value) ? value.join(', ') : (value ?? '');
  }
  return headers;
}

/** Tells keys apart without telling them. */
export function fingerprint(apiKey: string): string {
  return `sha256:${createHash('sha256').update(apiKey).digest('hex').slice(0, 12)}`;
}

function findRoute(method: string, path: string): { route: Route; params: Record<string, string> } | null {
  for (const route of ROUTES) {
    const params = route.method === method ? matchPath(route.path, path) : null;
    if (params !== null) {
      return { route, params };
    }
  }
  return null;
}

function matchPath(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split('/');
  const given = path.split('/');
  if (wanted.length !== given.length) {
    return null;
  }
  const params: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const piece = given[index] ?? '';
    if (part.startsWith(':') && piece !== '') {
      params[part.slice(1)] = decodeURIComponent(piece);
    } else if (part !== piece) {
      return null;
    }
  }
  return params;
}

/** The slash at the end counts; without it, or with one too many, the real server sends elsewhere. */
function noRoute(recorded: RecordedRequest): Reply {
  const other = recorded.path.endsWith('/') ? recorded.path.slice(0, -1) : `${recorded.path}/`;
  if (findRoute(recorded.method, other) !== null) {
    const query = new URLSearchParams(recorded.query).toString();
    return { kind: 'json', status: 307, body: null, headers: { location: query === '' ? other : `${other}?${query}` } };
  }
  const isKnownPath = ROUTES.some((route) => matchPath(route.path, recorded.path) !== null);
  return isKnownPath ? refuse(405, 'Method Not Allowed') : refuse(404, 'Not Found');
}

function agentNamed(ask: Ask): string | null {
  const inBody: Json | undefined = ask.body;
  const named =
    ask.params.agent_id ?? ask.query.get('agent_id') ?? (inBody !== undefined && isObject(inBody) ? textAt(inBody, 'agent_id') : null);
  if (named !== null) {
    return named;
  }
  // Blocks, identities and runs name no agent; the key does where it opens only one.
  const owners = [...ask.world.agents.values()].filter(({ apiKey }) => apiKey === ask.apiKey);
  return owners.length === 1 ? (owners[0]?.id ?? null) : null;
}
