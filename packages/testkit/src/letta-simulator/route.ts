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
 * One page of what is stored oldest first, `limit` counted from the beginning of the order asked for. A cursor nobody knows
 * is an error. Objects read `before` and `after` in the order asked for; messages read them as older and newer whatever the
 * order is (so that only ascending lists can be walked with `after`, and the SDK's own paging repeats itself in others).
 */
export function cutPage<T extends { id: string }>(stored: readonly T[], page: Page, cursors: 'by-order' | 'by-age'): T[] | Reply {
  for (const cursor of [page.before, page.after]) {
    if (cursor !== null && !stored.some(({ id }) => id === cursor)) {
      return refuse(404, `No object found with id '${cursor}'`);
    }
  }
  const isSwapped = cursors === 'by-order' && page.order === 'desc';
  const newerThan = isSwapped ? page.before : page.after;
  const olderThan = isSwapped ? page.after : page.before;
  const from = newerThan === null ? 0 : stored.findIndex(({ id }) => id === newerThan) + 1;
  const to = olderThan === null ? stored.length : stored.findIndex(({ id }) => id === olderThan);
  const between = stored.slice(from, Math.max(from, to));
  return (page.order === 'asc' ? between : between.reverse()).slice(0, page.limit);
}

export function isReply<T>(value: T | Reply): value is Reply {
  return typeof value === 'object' && value !== null && 'kind' in value && (value.kind === 'json' || value.kind === 'stream');
}
