import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunReading } from './letta-rest-reading.ts';

const ping = { message_type: 'ping', id: 'ping-1', seq_id: 1, run_id: 'run-1' };
const says = (id: string, content: unknown, seq: number | null = null) => ({
  message_type: 'assistant_message',
  id,
  content,
  seq_id: seq,
  run_id: 'run-1',
});
const stop = (reason = 'end_turn') => ({ message_type: 'stop_reason', stop_reason: reason });

function read(frames: unknown[]): RunReading {
  const reading = new RunReading();
  for (const frame of frames) reading.take(frame);
  return reading;
}

test('the first frame names the run, and pings say nothing else', () => {
  const reading = new RunReading();
  assert.equal(reading.take(ping), 'ping');
  assert.equal(reading.runId, 'run-1');
  assert.equal(reading.newestMessageId, null);
});

test('every assistant message is kept, in order, whatever shape its content has', () => {
  const parts = [
    { type: 'text', text: 'b' },
    { type: 'image', source: {} },
    { type: 'text', text: 'c' },
  ];
  const reading = read([ping, says('m1', 'a'), { message_type: 'tool_call_message', id: 'm2' }, says('m3', parts), stop()]);
  assert.deepEqual(reading.said, ['a', 'bc']);
  assert.equal(reading.newestMessageId, 'm3');
  assert.equal(reading.stopReason, 'end_turn');
});

test('pieces of one message are put together, and a frame that comes twice counts once', () => {
  const reading = read([says('m1', 'Hel', 2), says('m1', 'lo', 3), says('m1', 'lo', 3), says('m2', 'you', 4)]);
  assert.deepEqual(reading.said, ['Hello', 'you']);
});

test('the tool calls of the last request for approval are those to deny', () => {
  const request = (id: string, ...calls: string[]) => ({
    message_type: 'approval_request_message',
    id,
    tool_call: { tool_call_id: calls[0] },
    tool_calls: calls.map((call) => ({ tool_call_id: call })),
  });
  const reading = read([request('m1', 'call_0'), request('m2', 'call_1', 'call_2'), request('m2', 'call_3'), stop('requires_approval')]);
  assert.deepEqual(reading.toolCallIds, ['call_1', 'call_2', 'call_3']);
  assert.deepEqual(reading.verdict, { kind: 'needs-approval' });
});

test('an error frame ends the run even when no stop reason came before it', () => {
  const reading = read([ping]);
  reading.takeError({ error_type: 'llm_timeout', message: 'late', detail: 'by 9 s', run_id: 'run-1' });
  assert.equal(reading.stopReason, 'error');
  assert.deepEqual(reading.verdict, { kind: 'failed', reason: 'the run failed: llm_timeout: late by 9 s' });
});

test('frames that are no objects are no harm', () => {
  assert.deepEqual(read([null, 'x', 7, [], {}, stop()]).said, []);
});
