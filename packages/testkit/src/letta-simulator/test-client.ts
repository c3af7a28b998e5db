/** Speaks to the simulator without any SDK, for the tests of what happens on the wire. */
import assert from 'node:assert/strict';
import { type LettaSimulator, startLettaSimulator } from './simulator.ts';

export const AGENT = 'agent-11111111-1111-4111-8111-111111111111';
export const SEND = 'conversations.messages.create';

export async function start(): Promise<LettaSimulator> {
  return startLettaSimulator({ agents: [{ id: AGENT, apiKey: 'key-a' }] });
}

export type Call = { method?: string; body?: unknown; signal?: AbortSignal };

export function call(simulator: LettaSimulator, path: string, { method = 'POST', body, signal }: Call = {}): Promise<Response> {
  const headers = { authorization: 'Bearer key-a', 'content-type': 'application/json' };
  return fetch(`${simulator.url}${path}`, {
    method,
    headers,
    body: body === undefined ? null : JSON.stringify(body),
    signal: signal ?? null,
  });
}

export function send(
  simulator: LettaSimulator,
  otid: string,
  more: { background?: boolean; signal?: AbortSignal } = {},
): Promise<Response> {
  const { background = true, signal } = more;
  const body = { agent_id: AGENT, messages: [{ role: 'user', content: otid, otid }], background };
  return call(simulator, '/v1/conversations/default/messages', signal === undefined ? { body } : { body, signal });
}

export function resume(simulator: LettaSimulator, otid: string, startingAfter = 0, signal?: AbortSignal): Promise<Response> {
  const body = { agent_id: AGENT, otid, starting_after: startingAfter };
  return call(simulator, '/v1/conversations/default/stream', signal === undefined ? { body } : { body, signal });
}

export function resumeRun(simulator: LettaSimulator, runId: string, signal?: AbortSignal): Promise<Response> {
  return call(simulator, `/v1/runs/${runId}/stream`, signal === undefined ? { body: {} } : { body: {}, signal });
}

export async function statusOfRun(simulator: LettaSimulator, runId: string): Promise<string | null> {
  const response = await call(simulator, `/v1/runs/${runId}`, { method: 'GET' });
  const body: { status?: string } = JSON.parse(await response.text());
  return body.status ?? null;
}

/** What comes until the stream ends or `count` frames are there; the rest stays unread. */
export async function frames(response: Response, count: number = Number.POSITIVE_INFINITY): Promise<string[]> {
  const found: string[] = [];
  let text = '';
  assert.ok(response.body !== null);
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const pieces = text.split('\n\n');
    text = pieces.pop() ?? '';
    found.push(...pieces.map((piece) => /"message_type":"(\w+)"/.exec(piece)?.[1] ?? piece));
    if (found.length >= count) {
      break;
    }
  }
  return found;
}

export const WHOLE: readonly string[] = ['ping', 'assistant_message', 'stop_reason', 'usage_statistics', 'data: [DONE]'];
