/**
 * The shapes that go over the wire, field by field and in the order of the V1 server: messages, stream frames, the answer of
 * a blocking request. Pure; every id and time is an argument or made here from random bytes.
 */
import { randomUUID } from 'node:crypto';
import type { Json, JsonObject } from './json.ts';

export const DONE_FRAME = 'data: [DONE]\n\n';

export type StopReason =
  | 'end_turn'
  | 'error'
  | 'llm_api_error'
  | 'invalid_llm_response'
  | 'invalid_tool_call'
  | 'max_steps'
  | 'max_tokens_exceeded'
  | 'no_tool_call'
  | 'tool_rule'
  | 'cancelled'
  | 'insufficient_credits'
  | 'requires_approval'
  | 'context_window_overflow_in_system_prompt';

/** Letta writes times without milliseconds and with a numeric zone. */
export function wireDate(at: number): string {
  return new Date(at).toISOString().replace(/\.\d{3}Z$/, '+00:00');
}

export function newId(prefix: string): string {
  return `${prefix}-${randomUUID()}`;
}

/** What a message says, without the fields all messages share. */
export type MessageBody =
  | { kind: 'system'; text: string }
  | { kind: 'user'; content: Json }
  | { kind: 'reasoning'; text: string }
  | { kind: 'assistant'; text: string }
  | { kind: 'tool-call'; name: string; arguments: string; toolCallId: string }
  | { kind: 'tool-return'; toolCallId: string; text: string; status: 'success' | 'error' }
  | { kind: 'approval-request'; name: string; arguments: string; toolCallId: string }
  | { kind: 'approval-response'; approvals: Json[]; requestId: string };

export type MessageHead = {
  id: string;
  at: number;
  otid: string | null;
  senderId: string | null;
  stepId: string | null;
  runId: string | null;
};

const TYPE_OF: Record<MessageBody['kind'], string> = {
  system: 'system_message',
  user: 'user_message',
  reasoning: 'reasoning_message',
  assistant: 'assistant_message',
  'tool-call': 'tool_call_message',
  'tool-return': 'tool_return_message',
  'approval-request': 'approval_request_message',
  'approval-response': 'approval_response_message',
};

export function wireMessage(head: MessageHead, body: MessageBody): JsonObject {
  return {
    id: head.id,
    date: wireDate(head.at),
    name: null,
    message_type: TYPE_OF[body.kind],
    otid: head.otid,
    sender_id: head.senderId,
    step_id: head.stepId,
    is_err: null,
    seq_id: null,
    run_id: head.runId,
    ...ownFields(body),
  };
}

function ownFields(body: MessageBody): JsonObject {
  switch (body.kind) {
    case 'system':
    case 'assistant':
      return { content: body.text };
    case 'user':
      return { content: body.content };
    case 'reasoning':
      return { source: 'reasoner_model', reasoning: body.text, signature: null };
    case 'tool-call':
    case 'approval-request': {
      const call = { name: body.name, arguments: body.arguments, tool_call_id: body.toolCallId };
      return { tool_call: call, tool_calls: [call] };
    }
    case 'tool-return': {
      const result = { tool_return: body.text, status: body.status, tool_call_id: body.toolCallId, stdout: null, stderr: null };
      return { ...result, tool_returns: [{ type: 'tool', ...result }] };
    }
    case 'approval-response':
      return { approvals: body.approvals, approve: null, approval_request_id: body.requestId, reason: null };
  }
}

export function wirePing(runId: string, at: number): JsonObject {
  return {
    id: newId('ping'),
    date: wireDate(at),
    name: null,
    message_type: 'ping',
    otid: null,
    sender_id: null,
    step_id: null,
    is_err: null,
    seq_id: null,
    run_id: runId,
  };
}

export function wireStopReason(reason: StopReason): JsonObject {
  return { message_type: 'stop_reason', stop_reason: reason };
}

export function wireUsage(promptWords: number, answerWords: number, steps: number): JsonObject {
  return {
    message_type: 'usage_statistics',
    completion_tokens: answerWords,
    prompt_tokens: promptWords,
    total_tokens: promptWords + answerWords,
    step_count: steps,
    run_ids: null,
    cached_input_tokens: null,
    cache_write_tokens: null,
    reasoning_tokens: null,
    context_tokens: promptWords + answerWords,
  };
}

export function wireError(runId: string, error: { type: string; message: string; detail: string | null }): JsonObject {
  return {
    message_type: 'error_message',
    run_id: runId,
    error_type: error.type,
    message: error.message,
    detail: error.detail,
    seq_id: null,
  };
}

export function dataFrame(data: JsonObject): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

export function eventFrame(event: 'error' | 'cancelled', data: JsonObject): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
