/** What a route is: a method, a path, a handler. The table is matched from top to bottom. */
import { isObject, type Json, type JsonObject } from './json.ts';
import { type Reply, refuse, unprocessable } from './reply.ts';
import type { Agent, World } from './world.ts';

export type Ask = {
  world: World;
  apiKey: string;
  params: Record<string, string>;
  query: URLSearchParams;
  /** Undefined when the request had none. */
  body: Json | undefined;
  headers: Record<string, string>;
};

export type Route = {
  /** What faults and recorded requests call it. */
  name: string;
  method: string;
  /** `/v1/agents/:agent_id`; a trailing slash counts. */
  path: string;
  handle: (ask: Ask) => Reply | Promise<Reply>;
};

const AGENT_ID = /^agent-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Finds the agent, or says what the real server says: 422 for what cannot be an id, 404 for another's agent and for none. */
export function agentOf(ask: Ask, id: string): { agent: Agent; refusal: null } | { agent: null; refusal: Reply } {
  const agent = ask.world.agentFor(id, ask.apiKey);
  if (agent !== null) {
    return { agent, refusal: null };
  }
  if (!AGENT_ID.test(id) && !ask.world.agents.has(id)) {
    const example = 'agent-123e4567-e89b-42d3-8456-426614174000';
    return { agent: null, refusal: unprocessable(['path', 'agent_id'], 'String should match pattern', [example]) };
  }
  return { agent: null, refusal: refuse(404, `Agent with ID ${id} not found`) };
}

export function bodyObject(ask: Ask): JsonObject | null {
  return ask.body !== undefined && isObject(ask.body) ? ask.body : null;
}

/** A list parameter as the SDK writes it (`a[]=1`, `a=1,2`) and as FastAPI reads it (`a=1&a=2`). */
export function listParameter(query: URLSearchParams, key: string): string[] {
  return [...query.getAll(key), ...query.getAll(`${key}[]`)].flatMap((value) => value.split(',')).filter((value) => value !== '');
}

export type Page = { order: 'asc' | 'desc'; limit: number; before: string | null; after: string | null };

export function pageOf(query: URLSearchParams, defaults: { order: 'asc' | 'desc'; limit: number }): Page | Reply {
  const order = query.get('order') ?? defaults.order;
  const limit = query.has('limit') ? Number(query.get('limit')) : defaults.limit;
  if (order !== 'asc' && order !== 'desc') {
    return unprocessable(['query', 'order'], 'Input should be asc or desc');
  }
  if (!Number.isInteger(limit)) {
    return unprocessable(['query', 'limit'], 'Input should be a valid integer');
  }
  return { order, limit, before: query.get('before'), after: query.get('after') };
}

/**
 * One page of what is stored oldest first. `before` and `after` speak in the order asked for; a cursor nobody knows is an
 * error. `limit` counts from the end nearest the cursor.
 */
export function cutPage<T extends { id: string }>(stored: readonly T[], page: Page): T[] | Reply {
  const ordered = page.order === 'asc' ? [...stored] : [...stored].reverse();
  for (const cursor of [page.before, page.after]) {
    if (cursor !== null && !ordered.some(({ id }) => id === cursor)) {
      return refuse(404, `No object found with id '${cursor}'`);
    }
  }
  const from = page.after === null ? 0 : ordered.findIndex(({ id }) => id === page.after) + 1;
  const to = page.before === null ? ordered.length : ordered.findIndex(({ id }) => id === page.before);
  const between = ordered.slice(from, Math.max(from, to));
  return page.before !== null && page.after === null
    ? between.slice(Math.max(0, between.length - page.limit))
    : between.slice(0, page.limit);
}

export function isReply<T>(value: T | Reply): value is Reply {
  return typeof value === 'object' && value !== null && 'kind' in value && (value.kind === 'json' || value.kind === 'stream');
}
