/** What a route answers: a value, written to the socket by the server (and spoilt there by faults). */
import type { Json, JsonObject } from './json.ts';

export type Reply =
  | { kind: 'json'; status: number; body: Json; headers: Record<string, string> }
  /** Server-sent events. `pingRunId`: keepalive pings are wanted and name this run. */
  | { kind: 'stream'; frames: (signal: AbortSignal) => AsyncIterable<string>; pingRunId: string | null };

export function answer(body: Json): Reply {
  return { kind: 'json', status: 200, body, headers: {} };
}

/** `{"detail": …}`: what the server itself says. */
export function refuse(status: number, detail: Json, headers: Record<string, string> = {}): Reply {
  return { kind: 'json', status, body: { detail }, headers };
}

/** `{"error": {type, message, detail}}`: what the model provider said, passed on. */
export function providerError(status: number, type: string, message: string, detail: string): Reply {
  return { kind: 'json', status, body: { error: { type, message, detail } }, headers: {} };
}

/** A request that does not have the right form; `detail` is a Python list as text, as the real one writes it. */
export function unprocessable(where: string[], message: string, examples: string[] = []): Reply {
  const place = where.map((part) => `'${part}'`).join(', ');
  const body: JsonObject = { trace_id: '', detail: `[{'type': 'value_error', 'loc': (${place}), 'msg': '${message}'}]` };
  if (examples.length > 0) {
    body.examples = examples;
  }
  return { kind: 'json', status: 422, body, headers: {} };
}
