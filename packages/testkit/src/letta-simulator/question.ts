/** Reads the body of a message request into a question for the agent, or into the 422 it deserves. */
import { randomUUID } from 'node:crypto';
import { flagAt, isObject, type Json, type JsonObject, listAt, textAt } from './json.ts';
import { type Reply, refuse, unprocessable } from './reply.ts';
import type { Question, UserMessage } from './run-turn.ts';

const ROLES = new Set(['user', 'system', 'assistant']);

export function readQuestion(body: JsonObject | null, route: 'agents' | 'conversations'): Question | Reply {
  if (body === null) {
    return unprocessable(['body'], 'Field required');
  }
  const input = body.input;
  const messages = listAt(body, 'messages') ?? (route === 'agents' && input !== undefined ? [{ role: 'user', content: input }] : null);
  if (messages === null) {
    return unprocessable(['body', 'messages'], 'Field required');
  }
  if (messages.length === 0) {
    return refuse(422, 'Messages must not be empty');
  }
  const read = readMessages(messages);
  if (!('users' in read)) {
    return read;
  }
  return {
    messages: read.users,
    approvals: read.approvals,
    background: flagAt(body, 'background', false),
    streaming: flagAt(body, 'streaming', route === 'conversations'),
    pings: flagAt(body, 'include_pings', true),
    tokens: flagAt(body, 'stream_tokens', false),
    route,
  };
}

function readMessages(messages: readonly Json[]): { users: UserMessage[]; approvals: Json[] | null } | Reply {
  const users: UserMessage[] = [];
  let approvals: Json[] | null = null;
  for (const [index, message] of messages.entries()) {
    if (!isObject(message)) {
      return unprocessable(['body', 'messages', String(index)], 'Input should be an object');
    }
    if (textAt(message, 'type') === 'approval') {
      approvals = readApprovals(message);
      continue;
    }
    const user = readUserMessage(message, index);
    if ('kind' in user) {
      return user;
    }
    users.push(user);
  }
  return { users, approvals };
}

function readApprovals(message: JsonObject): Json[] {
  const list = listAt(message, 'approvals');
  if (list !== null) {
    return list;
  }
  // The older form names no tool call; it speaks of the only one.
  return [{ type: 'approval', tool_call_id: null, approve: flagAt(message, 'approve', false), reason: textAt(message, 'reason') }];
}

function readUserMessage(message: JsonObject, index: number): UserMessage | Reply {
  const place = ['body', 'messages', String(index)];
  if (!ROLES.has(textAt(message, 'role') ?? '')) {
    return unprocessable([...place, 'role'], 'Input should be user, system or assistant');
  }
  const content = message.content;
  const text = content === undefined ? null : textOf(content);
  if (content === undefined || text === null) {
    return unprocessable([...place, 'content'], 'Input should be a valid string or a list of content parts');
  }
  // The server makes an otid up where the client gave none.
  return { content, text, otid: textAt(message, 'otid') ?? randomUUID(), senderId: textAt(message, 'sender_id') };
}

/** An image by address, or in base64 with the type it has. */
function isImagePart(part: JsonObject): boolean {
  const source = part.source;
  if (textAt(part, 'type') !== 'image' || source === undefined || !isObject(source)) {
    return false;
  }
  const data = textAt(source, 'data');
  return textAt(source, 'type') === 'url'
    ? textAt(source, 'url') !== null
    : textAt(source, 'media_type') !== null && data !== null && /^[A-Za-z0-9+/]+={0,2}$/.test(data);
}

/** Whether the agent would be shown a picture. */
export function showsImage({ messages }: Question): boolean {
  return messages.some(({ content }) => Array.isArray(content) && content.some((part) => isObject(part) && part.type === 'image'));
}

function textOf(content: Json): string | null {
  if (typeof content === 'string') {
    return content;
  }
  if (!Array.isArray(content)) {
    return null;
  }
  const texts: string[] = [];
  for (const part of content) {
    const type = isObject(part) ? textAt(part, 'type') : null;
    if (!isObject(part) || (type !== 'text' && !isImagePart(part))) {
      return null;
    }
    texts.push(type === 'text' ? (textAt(part, 'text') ?? '') : '[image]');
  }
  return texts.join('\n');
}
