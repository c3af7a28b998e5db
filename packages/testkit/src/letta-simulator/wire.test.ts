/** The shapes as they go over the wire, field by field and in order, asked for without any SDK. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { lettaErrors } from './errors.ts';
import { type LettaSimulator, startLettaSimulator } from './simulator.ts';

const AGENT = 'agent-11111111-1111-4111-8111-111111111111';
const UNKNOWN = 'agent-99999999-9999-4999-8999-999999999999';
const NOON = Date.UTC(2026, 10, 23, 12, 0, 0);

async function start(): Promise<LettaSimulator> {
  return startLettaSimulator({ agents: [{ id: AGENT, name: 'Ada', apiKey: 'key-a' }], now: () => NOON });
}

type Asked = { status: number; headers: Headers; text: string };

async function post(simulator: LettaSimulator, path: string, body: unknown, headers: Record<string, string> = {}): Promise<Asked> {
  return send(simulator, 'POST', path, JSON.stringify(body), headers);
}

async function send(
  simulator: LettaSimulator,
  method: string,
  path: string,
  body: string | null = null,
  headers: Record<string, string> = {},
): Promise<Asked> {
  const all = { authorization: 'Bearer key-a', 'content-type': 'application/json', ...headers };
  const response = await fetch(`${simulator.url}${path}`, { method, body, headers: all, redirect: 'manual' });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** Replaces what is random or a time by its kind, so that shapes can be compared whole. */
function shape(text: string): string {
  return text
    .replace(/\b(ping|message|run|step|identity|block)-[0-9a-f-]{36}/g, '$1-<uuid>')
    .replace(/"[0-9a-f]{8}-[0-9a-f-]{27}"/g, '"<uuid>"')
    .replace(/call_[0-9a-f]{8}/g, 'call_x');
}

const HEAD_FIELDS =
  '"id":"message-<uuid>","date":"2026-11-23T12:00:00+00:00","name":null,"message_type":"TYPE","otid":"<uuid>","sender_id":null,' +
  '"step_id":"step-<uuid>","is_err":null,"seq_id":SEQ,"run_id":"run-<uuid>"';

function head(type: string, seq: number | null): string {
  return HEAD_FIELDS.replace('TYPE', type).replace('SEQ', String(seq));
}

function ping(seq: number | null): string {
  return (
    '{"id":"ping-<uuid>","date":"2026-11-23T12:00:00+00:00","name":null,"message_type":"ping","otid":null,"sender_id":null,' +
    `"step_id":null,"is_err":null,"seq_id":${seq},"run_id":"run-<uuid>"}`
  );
}

const USAGE =
  '{"message_type":"usage_statistics","completion_tokens":5,"prompt_tokens":10,"total_tokens":15,"step_count":1,"run_ids":null,' +
  '"cached_input_tokens":null,"cache_write_tokens":null,"reasoning_tokens":null,"context_tokens":15}';

describe('answers', { timeout: 20_000 }, () => {
  test('blocking: every message type, stop_reason, usage', async () => {
    await using simulator = await start();
    simulator.answerNext([
      { kind: 'reasoning', text: 'hm' },
      { kind: 'tool', name: 'f' },
      { kind: 'assistant', text: 'Hello' },
    ]);
    const { text, headers } = await post(simulator, `/v1/agents/${AGENT}/messages`, { messages: [{ role: 'user', content: 'hi' }] });
    const call = '{"name":"f","arguments":"{}","tool_call_id":"call_x"}';
    const returned = '"tool_return":"ok","status":"success","tool_call_id":"call_x","stdout":null,"stderr":null';
    assert.equal(headers.get('content-type'), 'application/json');
    assert.equal(
      shape(text),
      `{"messages":[{${head('reasoning_message', null)},"source":"reasoner_model","reasoning":"hm","signature":null},` +
        `{${head('tool_call_message', null)},"tool_call":${call},"tool_calls":[${call}]},` +
        `{${head('tool_return_message', null)},${returned},"tool_returns":[{"type":"tool",${returned}}]},` +
        `{${head('assistant_message', null)},"content":"Hello"}],` +
        `"stop_reason":{"message_type":"stop_reason","stop_reason":"end_turn"},` +
        `"usage":${USAGE.replaceAll('5', '20').replace('"total_tokens":120', '"total_tokens":30').replace('"context_tokens":120', '"context_tokens":30')},` +
        '"logprobs":null,"turns":null}',
    );
  });

  test('background: data lines only, seq_id where the frame has the field, [DONE]', async () => {
    await using simulator = await start();
    const body = { agent_id: AGENT, messages: [{ role: 'user', content: 'hi', otid: 'o-1' }], background: true };
    const { headers, text } = await post(simulator, '/v1/conversations/default/messages', body);
    assert.match(headers.get('content-type') ?? '', /^text\/event-stream/);
    assert.equal(
      shape(text),
      `data: ${ping(1)}\n\n` +
        `data: {${head('assistant_message', 2)},"content":"echo: hi"}\n\n` +
        'data: {"message_type":"stop_reason","stop_reason":"end_turn"}\n\n' +
        `data: ${USAGE}\n\n` +
        'data: [DONE]\n\n',
    );
  });

  test('a failing run: stop_reason, then event: error; a foreground stream still says [DONE], a background one does not', async () => {
    await using simulator = await start();
    for (const background of [true, false]) {
      simulator.answerNext([{ kind: 'fail', errorType: 'llm_timeout', message: 'm', detail: 'd' }]);
      const body = { agent_id: AGENT, messages: [{ role: 'user', content: 'hi' }], background, include_pings: false };
      const { text } = await post(simulator, '/v1/conversations/default/messages', body);
      const seq = background ? 2 : null;
      assert.equal(
        shape(text),
        'data: {"message_type":"stop_reason","stop_reason":"llm_api_error"}\n\n' +
          'event: error\ndata: {"message_type":"error_message","run_id":"run-<uuid>","error_type":"llm_timeout","message":"m",' +
          `"detail":"d","seq_id":${seq}}\n\n${background ? '' : 'data: [DONE]\n\n'}`,
      );
    }
  });

  test('an approval request, and the end of a cancelled run', async () => {
    await using simulator = await start();
    simulator.answerNext([{ kind: 'approval', name: 'f', toolCallId: 'call_x' }]);
    const body = { agent_id: AGENT, messages: [{ role: 'user', content: 'hi' }], background: true, include_pings: false };
    const { text } = await post(simulator, '/v1/conversations/default/messages', body);
    const call = '{"name":"f","arguments":"{}","tool_call_id":"call_x"}';
    assert.equal(
      shape(text).split('\n\n').slice(0, 2).join('\n'),
      `data: {${head('approval_request_message', 1)},"tool_call":${call},"tool_calls":[${call}]}\n` +
        'data: {"message_type":"stop_reason","stop_reason":"requires_approval"}',
    );
  });

  test('a user row keeps our otid and content parts; a list is newest first', async () => {
    await using simulator = await start();
    const content = [
      { type: 'text', text: 'look' },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } },
    ];
    await post(simulator, `/v1/agents/${AGENT}/messages`, { messages: [{ role: 'user', content, otid: 'o-1', sender_id: 'identity-1' }] });
    const { text } = await send(simulator, 'GET', `/v1/agents/${AGENT}/messages`);
    const rows: { message_type: string; otid: string; content: unknown; sender_id: string }[] = JSON.parse(text);
    assert.deepEqual(
      rows.map(({ message_type }) => message_type),
      ['assistant_message', 'user_message', 'system_message'],
    );
    assert.deepEqual([rows[1]?.otid, rows[1]?.content, rows[1]?.sender_id], ['o-1', content, 'identity-1']);
    assert.deepEqual(simulator.turns[0]?.text, 'look\n[image]');
  });

  test('an image without content or type is refused, and all images are where the server or its model takes none', async () => {
    await using simulator = await start();
    const ask = async (source: unknown): Promise<Asked> =>
      await post(simulator, `/v1/agents/${AGENT}/messages`, { messages: [{ role: 'user', content: [{ type: 'image', source }] }] });
    const image = { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' };
    assert.equal((await ask({ ...image, data: 'no base64!' })).status, 422);
    assert.equal((await ask({ type: 'base64', data: image.data })).status, 422);
    assert.equal((await ask(image)).status, 200);
    simulator.refuseImages('server');
    assert.equal((await ask(image)).status, 400);
    simulator.refuseImages('provider');
    assert.match((await ask(image)).text, /llm_bad_request/);
    assert.equal(simulator.turns.length, 2);
    simulator.refuseImages(null);
    assert.equal((await ask(image)).status, 200);
  });
});

describe('paging', { timeout: 20_000 }, () => {
  test('messages: before is older and after is newer in either order, and one stored message may read as several', async () => {
    await using simulator = await start();
    for (const text of ['a', 'b', 'c']) {
      simulator.answerNext([{ kind: 'assistant', text }]);
      await post(simulator, `/v1/agents/${AGENT}/messages`, { input: text });
    }
    const list = async (query: string): Promise<{ id: string; content: string }[]> =>
      JSON.parse((await send(simulator, 'GET', `/v1/agents/${AGENT}/messages?${query}`)).text);
    const all = await list('order=asc');
    const contents = async (query: string): Promise<string> => (await list(query)).map(({ content }) => content).join('');
    const third = all[3]?.id;
    assert.equal(await contents(`order=asc&after=${third}`), 'bcc');
    assert.equal(await contents(`order=desc&after=${third}`), 'ccb');
    assert.equal(await contents(`order=desc&before=${third}&limit=2`), 'aa');
    assert.equal(await contents('order=desc&limit=2'), 'cc');
    assert.equal((await send(simulator, 'GET', `/v1/agents/${AGENT}/messages?after=message-none`)).status, 404);
    assert.equal((await send(simulator, 'GET', `/v1/agents/${AGENT}/messages?order=up`)).status, 422);
  });

  test('runs: newest first, after goes on in that order; active ones alone', async () => {
    await using simulator = await start();
    await post(simulator, `/v1/agents/${AGENT}/messages`, { input: 'a' });
    simulator.hold();
    const open = post(simulator, `/v1/agents/${AGENT}/messages`, { input: 'b' });
    await simulator.turnStarted({ number: 2 });
    const list = async (query: string): Promise<string[]> => {
      const runs: { id: string }[] = JSON.parse((await send(simulator, 'GET', `/v1/runs/?${query}`)).text);
      return runs.map(({ id }) => id);
    };
    const [first, second] = simulator.turns.map(({ runId }) => runId);
    assert.deepEqual(await list(''), [second, first]);
    assert.deepEqual(await list(`after=${second}`), [first]);
    assert.deepEqual(await list(`agent_id=${AGENT}&active=true`), [second]);
    assert.deepEqual(await list('statuses=completed'), [first]);
    assert.deepEqual(await list(`agent_id=${UNKNOWN}`), []);
    simulator.release();
    await open;
  });
});

describe('refusals', { timeout: 20_000 }, () => {
  test('keys, agents, forms', async () => {
    await using simulator = await start();
    const path = `/v1/agents/${AGENT}/messages`;
    const user = { messages: [{ role: 'user', content: 'hi' }] };
    const unauthorized = await post(simulator, path, user, { authorization: 'Bearer other' });
    assert.deepEqual([unauthorized.status, unauthorized.text], [401, '{"detail":"Unauthorized"}']);
    const unknown = await post(simulator, `/v1/agents/${UNKNOWN}/messages`, user);
    assert.deepEqual([unknown.status, unknown.text], [404, `{"detail":"Agent with ID ${UNKNOWN} not found"}`]);
    const malformed = await post(simulator, '/v1/agents/nonsense/messages', user);
    assert.equal(malformed.status, 422);
    assert.deepEqual(Object.keys(JSON.parse(malformed.text)), ['trace_id', 'detail', 'examples']);
    for (const body of [{}, { messages: [] }, { messages: [{ role: 'nobody', content: 'x' }] }, { messages: [{ role: 'user' }] }, null]) {
      assert.equal((await post(simulator, path, body)).status, 422, JSON.stringify(body));
    }
    assert.equal((await send(simulator, 'POST', path, '{"messages":')).status, 422);
    assert.equal(simulator.turns.length, 0);
  });

  test('streaming needs a 1.x SDK', async () => {
    await using simulator = await start();
    const body = { messages: [{ role: 'user', content: 'hi' }], streaming: true };
    const path = `/v1/agents/${AGENT}/messages`;
    assert.equal((await post(simulator, path, body)).status, 422);
    assert.equal((await post(simulator, path, body, { 'x-stainless-package-version': '0.9.0' })).status, 422);
    assert.equal((await post(simulator, path, body, { 'x-stainless-package-version': '1.12.1' })).status, 200);
    assert.equal(simulator.turns.length, 1);
  });

  test('busy and nothing to cancel, word for word', async () => {
    await using simulator = await start();
    simulator.hold();
    const body = { agent_id: AGENT, messages: [{ role: 'user', content: 'hi', otid: 'o-1' }], background: true };
    const open = post(simulator, '/v1/conversations/default/messages', body);
    const { runId } = await simulator.turnStarted();
    const busy = await post(simulator, '/v1/conversations/default/messages', {
      ...body,
      messages: [{ role: 'user', content: 'hi', otid: 'o-2' }],
    });
    assert.equal(busy.status, 409);
    const told: { detail: string; run_id: string } = JSON.parse(busy.text);
    assert.equal(told.run_id, runId);
    assert.ok(
      told.detail.startsWith(
        `CONFLICT: Cannot send a new message: Another request (run_id=${runId}) is currently being processed for this conversation. `,
      ),
    );
    simulator.release();
    await open;
    const none = await post(simulator, `/v1/agents/${AGENT}/messages/cancel`, {});
    assert.deepEqual([none.status, none.text], [409, `{"detail":"CONFLICT: No active runs to cancel for agent ${AGENT}"}`]);
  });

  test('a provider’s refusal of a blocking turn', async () => {
    await using simulator = await start();
    const expected: Record<string, number> = {
      llm_insufficient_credits: 402,
      llm_rate_limit: 429,
      llm_timeout: 504,
      llm_authentication: 401,
      llm_bad_request: 400,
      llm_error: 500,
    };
    for (const [errorType, status] of Object.entries(expected)) {
      simulator.answerNext([{ kind: 'fail', errorType, message: 'm', detail: 'd' }]);
      const refused = await post(simulator, `/v1/agents/${AGENT}/messages`, { input: 'x' });
      assert.deepEqual([refused.status, refused.text], [status, `{"error":{"type":"${errorType}","message":"m","detail":"d"}}`]);
    }
  });

  test('the canned ones of the reference', async () => {
    await using simulator = await start();
    for (const canned of Object.values(lettaErrors)) {
      simulator.fault({ kind: 'status', route: 'agents.retrieve', ...canned });
      const refused = await send(simulator, 'GET', `/v1/agents/${AGENT}`);
      const body = typeof canned.body === 'string' ? canned.body : JSON.stringify(canned.body);
      assert.deepEqual([refused.status, refused.text], [canned.status, body]);
      assert.equal(refused.headers.get('retry-after'), canned.headers?.['retry-after'] ?? null);
    }
    assert.equal((await send(simulator, 'GET', `/v1/agents/${AGENT}`)).status, 200);
  });

  test('paths: the slash at the end counts, unknown ones are 404, wrong methods 405', async () => {
    await using simulator = await start();
    const moved = await send(simulator, 'GET', '/v1/blocks?label=x');
    assert.deepEqual([moved.status, moved.headers.get('location')], [307, '/v1/blocks/?label=x']);
    assert.equal((await send(simulator, 'GET', '/v2/blocks/')).status, 404);
    assert.equal((await send(simulator, 'DELETE', `/v1/agents/${AGENT}/messages`)).status, 405);
    assert.deepEqual((await send(simulator, 'GET', '/v1/health/', null, { authorization: '' })).status, 200);
  });
});
