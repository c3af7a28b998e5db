/** Reads the frames of one run's stream, in order, into what the turn came to. No I/O: the stream is letta-rest-follow.ts. */
import { type FrameError, isRecord, judgeStop, type StopVerdict, textIn } from './letta-rest-policy.ts';

export type FrameKind = 'ping' | 'progress' | 'stop';

export class RunReading {
  runId: string | null = null;
  stopReason: string | null = null;
  error: FrameError | null = null;
  newestMessageId: string | null = null;
  readonly #said: { id: string; text: string }[] = [];
  #approvalRequest: { id: string; toolCallIds: Set<string> } | null = null;
  #seq = 0;

  /** All that the agent said, in order; pieces of one message put together. */
  get said(): string[] {
    return this.#said.map(({ text }) => text);
  }

  /** The tool calls of the last request for approval. */
  get toolCallIds(): string[] {
    return [...(this.#approvalRequest?.toolCallIds ?? [])];
  }

  get verdict(): StopVerdict {
    return judgeStop(this.stopReason ?? 'error', this.error, this.#said.length > 0);
  }

  take(frame: unknown): FrameKind {
    if (!isRecord(frame)) return 'progress';
    this.runId ??= textIn(frame, 'run_id');
    const type = textIn(frame, 'message_type');
    if (type === 'ping') return 'ping';
    if (type === 'stop_reason') {
      this.stopReason = textIn(frame, 'stop_reason') ?? 'error';
      return 'stop';
    }
    if (type === 'error_message') this.takeError(frame);
    else if (!this.#isRepeated(frame)) this.#takeMessage(type, frame);
    return 'progress';
  }

  /** The data of an `event: error` frame. It ends the run, with or without a stop reason before it. */
  takeError(data: unknown): void {
    const record = isRecord(data) ? data : {};
    const detail = textIn(record, 'detail');
    const message = textIn(record, 'message') ?? '';
    this.runId ??= textIn(record, 'run_id');
    this.error = {
      type: textIn(record, 'error_type') ?? 'error',
      message: detail === null || detail === message ? message : `${message} ${detail}`,
    };
    this.stopReason ??= 'error';
  }

  #isRepeated(frame: Record<string, unknown>): boolean {
    const seq = frame['seq_id'];
    if (typeof seq !== 'number') return false;
    if (seq <= this.#seq) return true;
    this.#seq = seq;
    return false;
  }

  #takeMessage(type: string | null, frame: Record<string, unknown>): void {
    const id = textIn(frame, 'id');
    if (id === null) return;
    this.newestMessageId = id;
    if (type === 'assistant_message') {
      const last = this.#said.at(-1);
      const text = contentText(frame['content']);
      if (last?.id === id) last.text += text;
      else this.#said.push({ id, text });
    } else if (type === 'approval_request_message') {
      if (this.#approvalRequest?.id !== id) this.#approvalRequest = { id, toolCallIds: new Set() };
      for (const callId of toolCallIdsOf(frame)) this.#approvalRequest.toolCallIds.add(callId);
    }
  }
}

/** A message's words: a string, or the text parts of a list. */
export function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part) => (isRecord(part) && (part['type'] ?? 'text') === 'text' ? (textIn(part, 'text') ?? '') : '')).join('');
}

export function toolCallIdsOf(message: Record<string, unknown>): string[] {
  const calls = [message['tool_call'], ...(Array.isArray(message['tool_calls']) ? message['tool_calls'] : [])];
  const ids = calls.map((call) => (isRecord(call) ? textIn(call, 'tool_call_id') : null));
  return [...new Set(ids.filter((id) => id !== null))];
}
