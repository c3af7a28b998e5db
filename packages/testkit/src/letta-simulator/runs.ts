/** Looking at runs: their status, what they said, their stream again, and stopping them. */
import { flagAt, type JsonObject, numberAt, textAt, textsAt } from './json.ts';
import { answer, type Reply, refuse } from './reply.ts';
import { type Ask, agentOf, bodyObject, cutPage, isReply, listParameter, pageOf, type Route } from './route.ts';
import { cancelRun, isActive } from './run-turn.ts';
import { backgroundStream, NEEDS_REDIS } from './send-message.ts';
import { wireDate } from './wire.ts';
import type { Run, World } from './world.ts';

/** Background streams can be read again for this long after the run was made. */
const STREAM_AGE_MS = 3 * 60 * 60 * 1000;

export const runRoutes: readonly Route[] = [
  { name: 'runs.list', method: 'GET', path: '/v1/runs/', handle: listRuns },
  { name: 'runs.active', method: 'GET', path: '/v1/runs/active', handle: (ask) => listRuns(withActive(ask)) },
  { name: 'runs.retrieve', method: 'GET', path: '/v1/runs/:run_id', handle: retrieveRun },
  { name: 'runs.messages.list', method: 'GET', path: '/v1/runs/:run_id/messages', handle: listRunMessages },
  { name: 'runs.messages.stream', method: 'POST', path: '/v1/runs/:run_id/stream', handle: streamRun },
  { name: 'conversations.messages.stream', method: 'POST', path: '/v1/conversations/:conversation_id/stream', handle: streamConversation },
  { name: 'agents.messages.cancel', method: 'POST', path: '/v1/agents/:agent_id/messages/cancel', handle: cancelAgent },
  { name: 'conversations.cancel', method: 'POST', path: '/v1/conversations/:conversation_id/cancel', handle: cancelConversation },
];

function wireRun(run: Run): JsonObject {
  return {
    id: run.id,
    agent_id: run.agentId,
    background: run.background,
    base_template_id: null,
    callback_error: null,
    callback_sent_at: null,
    callback_status_code: null,
    callback_url: null,
    completed_at: run.completedAt === null ? null : wireDate(run.completedAt),
    conversation_id: null,
    created_at: wireDate(run.createdAt),
    metadata: run.metadata,
    request_config: null,
    status: run.status,
    stop_reason: run.stopReason,
    total_duration_ns: run.completedAt === null ? null : (run.completedAt - run.createdAt) * 1_000_000,
    ttft_ns: null,
  };
}

function withActive(ask: Ask): Ask {
  const query = new URLSearchParams(ask.query);
  query.set('active', 'true');
  return { ...ask, query };
}

function listRuns(ask: Ask): Reply {
  const { query, world } = ask;
  const page = pageOf(query, { order: query.get('ascending') === 'true' ? 'asc' : 'desc', limit: 100 });
  if (isReply(page)) {
    return page;
  }
  const agents = [...listParameter(query, 'agent_id'), ...listParameter(query, 'agent_ids')];
  const statuses = query.get('active') === 'true' ? ['created', 'running'] : listParameter(query, 'statuses');
  const background = query.get('background');
  const stopReason = query.get('stop_reason');
  const seen = [...world.runs.values()].filter(
    (run) =>
      world.runFor(run.id, ask.apiKey) !== null &&
      (agents.length === 0 || agents.includes(run.agentId)) &&
      (statuses.length === 0 || statuses.includes(run.status)) &&
      (background === null || String(run.background) === background) &&
      (stopReason === null || run.stopReason === stopReason),
  );
  const cut = cutPage(seen, page, 'by-order');
  return isReply(cut) ? cut : answer(cut.map(wireRun));
}

function runOf(ask: Ask): Run | null {
  return ask.world.runFor(ask.params.run_id ?? '', ask.apiKey);
}

function retrieveRun(ask: Ask): Reply {
  const run = runOf(ask);
  return run === null ? refuse(404, 'Run not found') : answer(wireRun(run));
}

function listRunMessages(ask: Ask): Reply {
  const run = runOf(ask);
  if (run === null) {
    return refuse(404, 'Run not found');
  }
  const page = pageOf(ask.query, { order: 'asc', limit: 100 });
  if (isReply(page)) {
    return page;
  }
  const rows = (ask.world.agents.get(run.agentId)?.rows ?? []).filter(({ runId }) => runId === run.id);
  const cut = cutPage(rows, page, 'by-age');
  return isReply(cut) ? cut : answer(cut.flatMap(({ wire }) => wire));
}

function streamRun(ask: Ask): Reply {
  const run = runOf(ask);
  if (run === null) {
    return refuse(404, 'Run not found');
  }
  if (!run.background) {
    return refuse(400, 'Run was not created in background mode, so it cannot be retrieved.');
  }
  if (isTooOld(ask.world, run)) {
    return refuse(410, 'Run was created more than 3 hours ago, and is now expired.');
  }
  if (!ask.world.redis.isOn) {
    return refuse(503, NEEDS_REDIS);
  }
  return resume(ask, run);
}

function isTooOld(world: World, run: Run): boolean {
  return run.createdAt < world.now() - STREAM_AGE_MS;
}

function resume(ask: Ask, run: Run): Reply {
  const body = bodyObject(ask) ?? {};
  return backgroundStream(ask.world, run.id, numberAt(body, 'starting_after') ?? 0, flagAt(body, 'include_pings', true));
}

function streamConversation(ask: Ask): Reply {
  const { world, apiKey } = ask;
  if (!world.redis.isOn) {
    return refuse(503, NEEDS_REDIS);
  }
  const body = bodyObject(ask) ?? {};
  const found = findRunToStream(ask, body);
  if (isReply(found)) {
    return found;
  }
  const run = world.runFor(found.runId, apiKey);
  if (run === null) {
    return refuse(404, `Run ${found.runId} not found.`);
  }
  // Found by otid, a foreground run is streamed too: it has no frames in Redis, so nothing ever comes.
  return isTooOld(world, run) ? refuse(410, 'Run was created more than 3 hours ago, and is now expired.') : resume(ask, run);
}

function findRunToStream(ask: Ask, body: JsonObject): { runId: string } | Reply {
  const runId = textAt(body, 'run_id');
  if (runId !== null) {
    return { runId };
  }
  const otid = textAt(body, 'otid');
  if (otid !== null) {
    const known = ask.world.redis.runOf(otid);
    return known === null ? refuse(404, `No run found for otid=${otid}. The run may have expired or never existed.`) : { runId: known };
  }
  const conversation = ask.params.conversation_id ?? '';
  const agentId = conversation === 'default' ? textAt(body, 'agent_id') : conversation;
  const active = activeRuns(ask, agentId).at(-1);
  if (active === undefined) {
    return refuse(400, 'No active runs found for this conversation.');
  }
  return active.background ? { runId: active.id } : refuse(400, 'Run was not created in background mode, so it cannot be retrieved.');
}

function activeRuns(ask: Ask, agentId: string | null): Run[] {
  return [...ask.world.runs.values()].filter(
    (run) => run.agentId === agentId && isActive(run) && ask.world.runFor(run.id, ask.apiKey) !== null,
  );
}

function cancelAgent(ask: Ask): Reply {
  const found = agentOf(ask, ask.params.agent_id ?? '');
  if (found.agent === null) {
    return found.refusal;
  }
  const named = textsAt(bodyObject(ask) ?? {}, 'run_ids');
  return cancel(ask, named.length > 0 ? named : activeRuns(ask, found.agent.id).map(({ id }) => id), `agent ${found.agent.id}`);
}

function cancelConversation(ask: Ask): Reply {
  const conversation = ask.params.conversation_id ?? '';
  const agentId = conversation === 'default' ? ask.query.get('agent_id') : conversation;
  return cancel(
    ask,
    activeRuns(ask, agentId).map(({ id }) => id),
    `conversation ${conversation}`,
  );
}

function cancel(ask: Ask, runIds: readonly string[], whose: string): Reply {
  if (runIds.length === 0) {
    return refuse(409, `CONFLICT: No active runs to cancel for ${whose}`);
  }
  const results: JsonObject = {};
  for (const id of runIds) {
    const run = ask.world.runFor(id, ask.apiKey);
    const canCancel = run !== null && isActive(run);
    if (canCancel) {
      cancelRun(ask.world, run);
    }
    results[id] = canCancel ? 'cancelled' : 'failed';
  }
  return answer(results);
}
