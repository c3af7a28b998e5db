/** The control surface on `run/animus.sock`: HTTP, for nobody but this user. The lock's holder owns the socket's path. */
import { chmodSync, rmSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type AgentId, type ControlRequest, parseControlRequest, withSocketPath } from 'animus-protocol';
import type { Dispatch } from './dispatch.ts';
import type { Followed, Live } from './live.ts';

/** An import of node:http reads all its exports, WebSocket among them, which loads undici: 6 MB, measured. */
const { createServer } = process.getBuiltinModule('node:http');

export type ControlSocket = { close(): Promise<void> };

export type ControlSocketOptions = {
  path: string;
  dispatch: Dispatch;
  live: Live;
  /** A request was answered and its answer is on its way. */
  answered: (request: ControlRequest['kind']) => void;
  failed: (reason: string) => void;
};

/** What is answered already gets out within this; a request that still waits (for a start, say) is cut off. */
const LAST_ANSWERS_MS = 200;

export async function openControlSocket(options: ControlSocketOptions): Promise<ControlSocket> {
  const { path, live } = options;
  const server = createServer((request, response) => {
    void answer(options, request, response).catch((error: unknown) => {
      options.failed(error instanceof Error ? (error.stack ?? error.message) : String(error));
      if (response.headersSent) response.destroy();
      else refuse(response, 500, 'the supervisor failed to answer; logs/supervisor.log says why');
    });
  });
  rmSync(path, { force: true });
  await withSocketPath(path, (fitting) => listen(server, fitting));
  chmodSync(path, 0o600);
  return {
    async close() {
      rmSync(path, { force: true });
      live.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const impatient = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS_MS);
      await closed;
      clearTimeout(impatient);
    },
  };
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

async function answer(options: ControlSocketOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const parsed = parseControlRequest(request.method ?? 'GET', request.url ?? '/', options.dispatch.agents);
  request.resume();
  if (!parsed.ok) return refuse(response, parsed.error.status, parsed.error.message);
  if (parsed.value.kind === 'events') return options.live.follow(response, readFollowed(parsed.value, request.headers['last-event-id']));
  if (parsed.value.kind === 'pause') return await pause(options, parsed.value.agent, response);
  const { kind } = parsed.value;
  const answered = await options.dispatch.answer(parsed.value);
  if (answered.status === 200) reply(response, 200, answered.body);
  else refuse(response, answered.status, answered.message);
  // Whoever asked may be gone by now; what they asked for holds all the same.
  if (response.closed) options.answered(kind);
  else response.once('close', () => options.answered(kind));
}

/** The answer has no end: that of the connection is the end of the pause. */
async function pause({ dispatch }: ControlSocketOptions, agent: AgentId, response: ServerResponse): Promise<void> {
  const over = new AbortController();
  response.once('close', () => over.abort());
  const outcome = await dispatch.pause(agent, over.signal);
  if (!outcome.ok) return refuse(response, 409, `${outcome.id} ${outcome.message}`);
  response.writeHead(200, { 'content-type': 'application/json', connection: 'close' });
  response.write(`${JSON.stringify(outcome)}\n`);
}

/** A follower whose connection broke says itself where it was (server-sent events, last-event-id). */
function readFollowed({ after, agent }: Extract<ControlRequest, { kind: 'events' }>, last: string | string[] | undefined): Followed {
  return { agent, after: typeof last === 'string' && /^\d{1,15}$/.test(last) ? Number(last) : after };
}

function refuse(response: ServerResponse, status: number, message: string): void {
  reply(response, status, { error: { message } });
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  const text = `${JSON.stringify(body)}\n`;
  // One request a connection: its end tells `down` that the answer is out, and idle ones hold nothing up.
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), connection: 'close' });
  response.end(text);
}
