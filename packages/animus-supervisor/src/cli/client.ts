/** The CLI's side of the control socket: ask the supervisor, read its answer. */
import fs from 'node:fs';
import type { IncomingMessage } from 'node:http';
import net from 'node:net';
import {
  type ControlReply,
  type ControlRequest,
  encodeControlRequest,
  failed,
  parseControlError,
  parseControlReply,
  type Result,
  withSocketPath,
} from 'animus-protocol';

export type AskFailure =
  /** Nobody listens. */
  | { kind: 'no-supervisor' }
  /** Somebody listens and does not answer in time, or answers what we cannot read. */
  | { kind: 'no-answer'; message: string }
  /** It answered no. */
  | { kind: 'refused'; status: number; message: string };

/** `timeoutMs` null waits as long as it takes: a start or stop answers when it is true. */
export async function ask<K extends keyof ControlReply>(
  socket: string,
  request: ControlRequest & { kind: K },
  options: { timeoutMs: number | null; signal?: AbortSignal },
): Promise<Result<ControlReply[K], AskFailure>> {
  if (!fs.existsSync(socket)) return failed({ kind: 'no-supervisor' });
  const signals = [options.signal, options.timeoutMs === null ? undefined : AbortSignal.timeout(options.timeoutMs)];
  const signal = AbortSignal.any(signals.filter((each) => each !== undefined));
  try {
    return await withSocketPath(socket, async (socketPath) => {
      const response = await send(socketPath, request, signal);
      const body = parseJson(await readText(response));
      if (response.statusCode !== 200) {
        const message = parseControlError(body) ?? `the supervisor answered ${response.statusCode} without a reason`;
        return failed<AskFailure>({ kind: 'refused', status: response.statusCode ?? 0, message });
      }
      const reply = parseControlReply(request.kind, body);
      return reply.ok ? reply : failed<AskFailure>({ kind: 'no-answer', message: reply.error });
    });
  } catch (error) {
    return failed(failureOf(error, options.timeoutMs));
  }
}

/** What a person is told when the supervisor did not do it. */
export function describeFailure(failure: AskFailure): string {
  switch (failure.kind) {
    case 'no-supervisor':
      return 'no supervisor is running; start it with: animus up -d';
    case 'no-answer':
    case 'refused':
      return failure.message;
  }
}

async function send(socketPath: string, request: ControlRequest, signal: AbortSignal): Promise<IncomingMessage> {
  // Not an import: that reads each export of the module once, and one of them loads all of fetch (20 ms, as much as
  // node takes to start).
  const http = process.getBuiltinModule('node:http');
  return await new Promise((resolve, reject) => {
    // A connection of our own: an agent would first find out whether "localhost" is an IP address (8 ms of a regular expression).
    const createConnection = (): net.Socket => net.connect(socketPath);
    const sent = http.request({ ...encodeControlRequest(request), createConnection, signal }, resolve);
    sent.once('error', reject);
    sent.end();
  });
}

async function readText(response: IncomingMessage): Promise<string> {
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) text += String(chunk);
  return text;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function failureOf(error: unknown, timeoutMs: number | null): AskFailure {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  // A socket file nobody listens on is what a killed supervisor leaves.
  if (code === 'ECONNREFUSED' || code === 'ENOENT') return { kind: 'no-supervisor' };
  const isLate = error instanceof Error && (error.name === 'TimeoutError' || (code === 'ABORT_ERR' && timeoutMs !== null));
  if (isLate)
    return {
      kind: 'no-answer',
      message: `the supervisor did not answer within ${(timeoutMs ?? 0) / 1000} s; look at logs/supervisor.log in the home`,
    };
  if (code === 'ABORT_ERR') return { kind: 'no-answer', message: 'interrupted' };
  return { kind: 'no-answer', message: `the supervisor's connection broke: ${error instanceof Error ? error.message : String(error)}` };
}
