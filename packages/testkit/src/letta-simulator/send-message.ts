/**
 * Sending a message to an agent: the plain route (no lock, no memory of what was sent) and the conversation `default` (one
 * run at a time, a repeated otid reads the run it already started). Both need Redis for background runs.
 */
import { randomUUID } from 'node:crypto';
import { isObject, type Json, textAt } from './json.ts';
import { readQuestion, showsImage } from './question.ts';
import { requestToken } from './redis.ts';
import { answer, providerError, type Reply, refuse } from './reply.ts';
import { type Ask, agentOf, bodyObject, isReply, type Route } from './route.ts';
import { createRun, type Question, refuseRun, startRun } from './run-turn.ts';
import { wireStopReason } from './wire.ts';
import type { Agent, Run, World } from './world.ts';

export const NEEDS_REDIS: string =
  'Background streaming requires Redis to be running. Please ensure Redis is properly configured. ' +
  'LETTA_REDIS_HOST: localhost, LETTA_REDIS_PORT: 6379';

export const sendRoutes: readonly Route[] = [
  { name: 'agents.messages.create', method: 'POST', path: '/v1/agents/:agent_id/messages', handle: sendToAgent },
  { name: 'agents.messages.stream', method: 'POST', path: '/v1/agents/:agent_id/messages/stream', handle: streamFromAgent },
  {
    name: 'conversations.messages.create',
    method: 'POST',
    path: '/v1/conversations/:conversation_id/messages',
    handle: sendToConversation,
  },
];

function sendToAgent(ask: Ask): Reply | Promise<Reply> {
  const question = readQuestion(bodyObject(ask), 'agents');
  if (isReply(question)) {
    return question;
  }
  if (question.streaming && !/^1\./.test(ask.headers['x-stainless-package-version'] ?? '')) {
    return refuse(422, 'streaming=true is only supported for SDK v1.0+ clients.');
  }
  return sendPlain(ask, question);
}

function streamFromAgent(ask: Ask): Reply | Promise<Reply> {
  const question = readQuestion(bodyObject(ask), 'agents');
  return isReply(question) ? question : sendPlain(ask, { ...question, streaming: true });
}

function sendPlain(ask: Ask, question: Question): Reply | Promise<Reply> {
  const found = agentOf(ask, ask.params.agent_id ?? '');
  if (found.agent === null) {
    return found.refusal;
  }
  return begin(ask.world, found.agent, { ...question, background: question.background && question.streaming }, null);
}

function sendToConversation(ask: Ask): Reply | Promise<Reply> {
  const body = bodyObject(ask);
  const question = readQuestion(body, 'conversations');
  if (isReply(question)) {
    return question;
  }
  const conversation = ask.params.conversation_id ?? '';
  const agentId = conversation === 'default' && body !== null ? textAt(body, 'agent_id') : null;
  if (agentId === null && !conversation.startsWith('agent-')) {
    return refuse(404, `Conversation ${conversation} not found`);
  }
  const found = agentOf(ask, agentId ?? conversation);
  if (found.agent === null) {
    return found.refusal;
  }
  const background = question.background && question.streaming;
  return sendLocked(ask.world, found.agent, { ...question, background });
}

function sendLocked(world: World, agent: Agent, question: Question): Reply | Promise<Reply> {
  if (!world.redis.isOn) {
    return begin(world, agent, question, null);
  }
  const otids = question.messages.map(({ otid }) => otid);
  const token = requestToken(otids, randomUUID());
  const known = question.background ? world.redis.runOf(token) : null;
  if (known !== null) {
    return backgroundStream(world, known, 0, question.pings);
  }
  const lock = world.redis.lock(agent.id, token);
  return lock.ok ? begin(world, agent, question, { token, otids }) : busy(world.redis.runOf(lock.holder));
}

function busy(runId: string | null): Reply {
  const other = runId === null ? 'Another request' : `Another request (run_id=${runId})`;
  const detail =
    `CONFLICT: Cannot send a new message: ${other} is currently being processed for this conversation. ` +
    'Please wait for the current request to complete before sending another message.';
  return { kind: 'json', status: 409, body: runId === null ? { detail } : { detail, run_id: runId }, headers: {} };
}

function begin(world: World, agent: Agent, question: Question, lock: { token: string; otids: string[] } | null): Reply | Promise<Reply> {
  if (world.imagesRefusedBy === 'server' && showsImage(question)) {
    if (lock !== null) {
      world.redis.unlock(agent.id);
    }
    return refuse(400, 'This model does not take images');
  }
  const conflict = approvalConflict(agent, question);
  const asFrame = conflict?.kind === 'pending' && question.background && world.pendingApprovalAs === 'frame';
  if (conflict !== null && !asFrame) {
    if (lock !== null) {
      world.redis.unlock(agent.id);
    }
    return conflict.reply;
  }
  const run = createRun(world, agent, question);
  run.holdsLock = lock !== null;
  if (lock !== null) {
    for (const name of [lock.token, ...lock.otids]) {
      world.redis.remember(name, run.id);
    }
  }
  if (question.background && !world.redis.isOn) {
    return failUnstarted(run);
  }
  if (conflict !== null) {
    refuseRun(world, run, question, conflict.message);
  } else {
    startRun(world, agent, run, question);
  }
  return replyOf(world, run, question);
}

/** The real one makes the run before it finds that it has nowhere to put the frames, and leaves it behind as failed. */
function failUnstarted(run: Run): Reply {
  run.status = 'failed';
  run.metadata = { ...run.metadata, error: NEEDS_REDIS };
  return refuse(503, NEEDS_REDIS);
}

type ApprovalConflict = { kind: 'pending' | 'wrong'; message: string; reply: Reply };

function approvalConflict(agent: Agent, question: Question): ApprovalConflict | null {
  if (question.approvals === null) {
    return agent.pending === null ? null : pendingConflict(agent.pending.messageId);
  }
  if (agent.pending === null) {
    return wrongApproval('Cannot process approval response: No tool call is currently awaiting approval.');
  }
  const given = question.approvals.map(toolCallIdOf);
  const expected = agent.pending.toolCallIds;
  const fits = given.every((id) => id === null || expected.includes(id)) && given.length === expected.length;
  return fits ? null : wrongApproval(`Invalid tool call IDs. Expected '${expected.join(', ')}', but received '${given.join(', ')}'`);
}

function pendingConflict(pendingRequestId: string): ApprovalConflict {
  const message =
    'CONFLICT: Cannot send a new message: The agent is waiting for approval on a tool call. ' +
    'Please approve or deny the pending request before continuing.';
  return { kind: 'pending', message, reply: refuse(409, { code: 'PENDING_APPROVAL', message, pending_request_id: pendingRequestId }) };
}

function wrongApproval(message: string): ApprovalConflict {
  return { kind: 'wrong', message, reply: refuse(400, message) };
}

function toolCallIdOf(approval: Json): string | null {
  return isObject(approval) ? textAt(approval, 'tool_call_id') : null;
}

function replyOf(world: World, run: Run, question: Question): Reply | Promise<Reply> {
  if (!question.streaming) {
    return run.ended.then(() => blockingAnswer(run));
  }
  if (run.background) {
    return backgroundStream(world, run.id, 0, question.pings);
  }
  return { kind: 'stream', frames: (signal) => run.log.follow(0, false, signal), pingRunId: question.pings ? run.id : null };
}

export function backgroundStream(world: World, runId: string, startingAfter: number, pings: boolean): Reply {
  return {
    kind: 'stream',
    frames: (signal) => world.redis.stream(runId).follow(startingAfter, true, signal),
    pingRunId: pings ? runId : null,
  };
}

function blockingAnswer(run: Run): Reply {
  if (run.failure !== null) {
    return providerFailure(run.failure);
  }
  return answer({
    messages: run.produced,
    stop_reason: wireStopReason(run.stopReason ?? 'end_turn'),
    usage: run.usage,
    logprobs: null,
    turns: null,
  });
}

const PROVIDER_STATUS: Record<string, number> = {
  llm_insufficient_credits: 402,
  llm_rate_limit: 429,
  llm_timeout: 504,
  llm_authentication: 401,
  llm_bad_request: 400,
};

function providerFailure(failure: { type: string; message: string; detail: string }): Reply {
  if (failure.type === 'internal_error') {
    return refuse(500, 'An internal server error occurred');
  }
  return providerError(PROVIDER_STATUS[failure.type] ?? 500, failure.type, failure.message, failure.detail);
}
