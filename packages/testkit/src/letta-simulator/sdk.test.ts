import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Letta } from '@letta-ai/letta-client';
import type { Run } from '@letta-ai/letta-client/resources/agents/messages.js';
import { type LettaSimulator, type LettaSimulatorSettings, startLettaSimulator } from './simulator.ts';

const AGENT = 'agent-11111111-1111-4111-8111-111111111111';
const OTHER = 'agent-22222222-2222-4222-8222-222222222222';

async function start(settings: LettaSimulatorSettings = {}): Promise<LettaSimulator> {
  const agents = [
    { id: AGENT, name: 'Ada', apiKey: 'key-a' },
    { id: OTHER, name: 'Bea', apiKey: 'key-b' },
  ];
  return startLettaSimulator({ agents, ...settings });
}

function clientOf(simulator: LettaSimulator, apiKey = 'key-a'): Letta {
  return new Letta({ baseURL: simulator.url, apiKey, maxRetries: 0 });
}

async function ask(client: Letta, otid: string, content = 'hi', background = true): Promise<Frames> {
  const messages = [{ role: 'user' as const, content, otid }];
  return client.conversations.messages.create('default', { agent_id: AGENT, messages, streaming: true, background, include_pings: true });
}

type Frame = { message_type?: string | undefined; content?: unknown; seq_id?: number | null; run_id?: string | null };

async function read(stream: AsyncIterable<unknown>): Promise<Frame[]> {
  const frames: Frame[] = [];
  for await (const frame of stream) {
    assert.ok(typeof frame === 'object' && frame !== null);
    frames.push(frame);
  }
  return frames;
}

type Frames = AsyncIterable<unknown> & { controller: AbortController };

/** The first frame, the stream left open. */
async function readOne(stream: Frames): Promise<Frame> {
  for await (const frame of stream) {
    assert.ok(typeof frame === 'object' && frame !== null);
    stream.controller.abort();
    return frame;
  }
  throw new Error('the stream ended without a frame');
}

function types(frames: Frame[]): string[] {
  return frames.map((frame) => frame.message_type ?? '?');
}

function statusOf(status: number): (error: unknown) => boolean {
  return (error) => error instanceof Letta.APIError && error.status === status;
}

describe('a turn by the unmodified SDK', { timeout: 20_000 }, () => {
  test('background stream: ping with the run, the answer, the end; then the run, its messages, the list', async () => {
    await using simulator = await start();
    const client = clientOf(simulator);
    assert.equal((await client.agents.retrieve(AGENT)).name, 'Ada');
    const frames = await read(await ask(client, 'o-1'));
    assert.deepEqual(types(frames), ['ping', 'assistant_message', 'stop_reason', 'usage_statistics']);
    assert.deepEqual(
      frames.map(({ seq_id }) => seq_id),
      [1, 2, undefined, undefined],
    );
    const turn = await simulator.turnEnded({ otid: 'o-1' });
    assert.equal(frames[0]?.run_id, turn.runId);
    const run: Run = await client.runs.retrieve(turn.runId);
    assert.deepEqual([run.status, run.stop_reason, run.background, run.agent_id], ['completed', 'end_turn', true, AGENT]);
    const said = (await client.runs.messages.list(turn.runId)).items;
    assert.deepEqual(types(said), ['user_message', 'assistant_message']);
    const rows = (await client.agents.messages.list(AGENT, { limit: 2 })).items;
    assert.deepEqual(types(rows), ['assistant_message', 'user_message']);
    assert.equal(rows[1]?.otid, 'o-1');
  });

  test('a repeated otid reads the same run again; another one while it runs is refused with the run that holds it', async () => {
    await using simulator = await start();
    const client = clientOf(simulator);
    simulator.hold();
    const first = await ask(client, 'o-1');
    const turn = await simulator.turnStarted();
    const again = await ask(client, 'o-1');
    await assert.rejects(ask(client, 'o-2'), (error) => {
      assert.ok(error instanceof Letta.ConflictError);
      assert.ok(typeof error.error === 'object' && error.error !== null && 'run_id' in error.error);
      return error.error.run_id === turn.runId;
    });
    simulator.release();
    assert.deepEqual(await read(first), await read(again));
    assert.equal(simulator.turns.length, 1);
    assert.deepEqual(types(await read(await ask(client, 'o-1'))), ['ping', 'assistant_message', 'stop_reason', 'usage_statistics']);
    await read(await ask(client, 'o-2'));
    assert.equal(simulator.turns.length, 2);
  });

  test('the plain route forgets: the same otid runs as often as it is sent, and two at a time', async () => {
    await using simulator = await start();
    const client = clientOf(simulator);
    simulator.hold();
    const send = (): Promise<unknown> => client.agents.messages.create(AGENT, { messages: [{ role: 'user', content: 'x', otid: 'o-1' }] });
    const both = [send(), send()];
    await simulator.turnStarted({ number: 2 });
    simulator.release();
    await Promise.all(both);
    assert.deepEqual(
      simulator.turns.map(({ otid, outcome }) => [otid, outcome]),
      [
        ['o-1', 'completed'],
        ['o-1', 'completed'],
      ],
    );
  });

  test('resumption by run and by otid starts after the cursor and waits for the end', async () => {
    await using simulator = await start();
    const client = clientOf(simulator);
    simulator.answerNext([{ kind: 'assistant', text: 'one' }, { kind: 'hold' }, { kind: 'assistant', text: 'two' }]);
    const { run_id: runId } = await readOne(await ask(client, 'o-1'));
    await simulator.waitFor(({ kind }) => kind === 'stream-closed');
    const texts = async (stream: PromiseLike<Frames>): Promise<unknown[]> =>
      (await read(await stream)).map(({ content }) => content).filter((content) => content !== undefined);
    // The status of a stream goes out with its first frame: on a quiet run the SDK has nothing in hand yet.
    const quiet = simulator.waitFor(({ kind }) => kind === 'stream-opened');
    const byRun = texts(client.runs.messages.stream(String(runId), { starting_after: 2 }));
    const byOtid = texts(client.conversations.messages.stream('default', { agent_id: AGENT, otid: 'o-1', starting_after: 1 }));
    await quiet;
    simulator.release();
    assert.deepEqual(await byRun, ['two']);
    assert.deepEqual(await byOtid, ['one', 'two']);
    assert.deepEqual(simulator.turns[0]?.replies, ['one', 'two']);
  });

  test('a client that leaves does not stop its turn', async () => {
    await using simulator = await start();
    const client = clientOf(simulator);
    simulator.hold();
    await readOne(await ask(client, 'o-1'));
    await simulator.waitFor(({ kind }) => kind === 'stream-closed');
    simulator.release();
    assert.equal((await simulator.turnEnded()).outcome, 'completed');
  });

  test('stream_tokens sends an answer in pieces of one id', async () => {
    await using simulator = await start();
    const client = clientOf(simulator);
    const stream = await client.agents.messages.create(AGENT, {
      messages: [{ role: 'user', content: 'a b c' }],
      streaming: true,
      stream_tokens: true,
    });
    const said = (await read(stream)).filter(({ message_type }) => message_type === 'assistant_message');
    assert.equal(said.map(({ content }) => content).join(''), 'echo: a b c');
    assert.equal(said.length, 4);
  });

  test('a silent turn ends well without a word', async () => {
    await using simulator = await start();
    simulator.answerNext([]);
    assert.deepEqual(types(await read(await ask(clientOf(simulator), 'o-1'))), ['ping', 'stop_reason', 'usage_statistics']);
    assert.deepEqual([simulator.turns[0]?.outcome, simulator.turns[0]?.replies], ['completed', []]);
  });

  test('a failing turn ends in an error frame (background, then once more for its otid) and in a status (blocking)', async () => {
    await using simulator = await start();
    const client = clientOf(simulator);
    const failing = [{ kind: 'fail', errorType: 'llm_rate_limit', message: 'slow down' }] as const;
    simulator.answerNext(failing);
    for (const _ of ['first', 'replayed']) {
      const stream = await ask(client, 'o-1');
      await assert.rejects(read(stream), (error) => error instanceof Letta.APIError && error.status === undefined);
    }
    assert.equal((await client.runs.retrieve(simulator.turns[0]?.runId ?? '')).status, 'failed');
    simulator.answerNext(failing);
    await assert.rejects(client.agents.messages.create(AGENT, { input: 'x' }), statusOf(429));
    assert.equal(simulator.turns.length, 2);
  });
});

describe('approvals', { timeout: 20_000 }, () => {
  test('a pending approval refuses messages until every tool call is answered', async () => {
    await using simulator = await start();
    const client = clientOf(simulator);
    simulator.answerNext([{ kind: 'approval', name: 'rm', toolCallId: 'call_1' }]);
    assert.deepEqual(types(await read(await ask(client, 'o-1'))), ['ping', 'approval_request_message', 'stop_reason', 'usage_statistics']);
    await assert.rejects(ask(client, 'o-2'), (error) => {
      assert.ok(error instanceof Letta.ConflictError);
      assert.match(JSON.stringify(error.error), /"code":"PENDING_APPROVAL".*"pending_request_id":"message-/);
      return true;
    });
    const deny = (toolCallId: string): Promise<unknown> =>
      client.agents.messages.create(AGENT, {
        messages: [{ type: 'approval', approvals: [{ type: 'approval', tool_call_id: toolCallId, approve: false, reason: 'no' }] }],
      });
    await assert.rejects(deny('call_2'), statusOf(400));
    await deny('call_1');
    await assert.rejects(deny('call_1'), statusOf(400));
    await read(await ask(client, 'o-2'));
    assert.deepEqual(
      simulator.turns.map(({ kind, outcome }) => [kind, outcome]),
      [
        ['message', 'requires_approval'],
        ['approval', 'completed'],
        ['message', 'completed'],
      ],
    );
  });

  test('a later server says it inside the stream', async () => {
    await using simulator = await start({ pendingApprovalAs: 'frame' });
    const client = clientOf(simulator);
    simulator.answerNext([{ kind: 'approval', name: 'rm' }]);
    await read(await ask(client, 'o-1'));
    const refused = await ask(client, 'o-2');
    await assert.rejects(read(refused), /waiting for approval/);
    assert.equal(simulator.turns.length, 1);
  });
});

describe('cancelling', { timeout: 20_000 }, () => {
  test('ends the run, its stream and its lock; with nothing running it is a conflict', async () => {
    await using simulator = await start();
    const client = clientOf(simulator);
    simulator.hold();
    const stream = await ask(client, 'o-1');
    const { runId } = await simulator.turnStarted();
    assert.deepEqual(await client.agents.messages.cancel(AGENT, { run_ids: [runId] }), { [runId]: 'cancelled' });
    assert.deepEqual((await read(stream)).at(-1), { message_type: 'stop_reason', stop_reason: 'cancelled' });
    assert.equal((await client.runs.retrieve(runId)).status, 'cancelled');
    simulator.release();
    await assert.rejects(client.agents.messages.cancel(AGENT), statusOf(409));
    await read(await ask(client, 'o-2'));
  });
});

describe('keys', { timeout: 20_000 }, () => {
  test('an unknown key is 401, somebody else’s agent 404, and nothing of one key is seen with another', async () => {
    await using simulator = await start();
    const [ada, bea] = [clientOf(simulator), clientOf(simulator, 'key-b')];
    await assert.rejects(clientOf(simulator, 'nonsense').agents.retrieve(AGENT), statusOf(401));
    await assert.rejects(bea.agents.retrieve(AGENT), statusOf(404));
    await read(await ask(ada, 'o-1'));
    const runId = simulator.turns[0]?.runId ?? '';
    const block = await ada.blocks.create({ label: 'x', value: 'v' });
    await assert.rejects(bea.runs.retrieve(runId), statusOf(404));
    await assert.rejects(bea.conversations.messages.stream('default', { agent_id: OTHER, otid: 'o-1' }), statusOf(404));
    await assert.rejects(bea.blocks.retrieve(block.id), statusOf(404));
    assert.deepEqual((await bea.runs.list()).items, []);
    simulator.changeKey(AGENT, 'key-c');
    await assert.rejects(ada.agents.retrieve(AGENT), statusOf(401));
    assert.ok(!JSON.stringify(simulator.requests).includes('key-a'));
  });
});

describe('people', { timeout: 20_000 }, () => {
  test('blocks: many of a label, one of a label on an agent, and the turn tells which it saw', async () => {
    await using simulator = await start();
    const client = clientOf(simulator);
    const [first, second] = [
      await client.blocks.create({ label: 'user-1', value: 'a' }),
      await client.blocks.create({ label: 'user-1', value: 'b' }),
    ];
    await client.agents.blocks.attach(first.id, { agent_id: AGENT });
    await assert.rejects(client.agents.blocks.attach(first.id, { agent_id: AGENT }), statusOf(409));
    await assert.rejects(client.agents.blocks.attach(second.id, { agent_id: AGENT }), statusOf(409));
    await read(await ask(client, 'o-1'));
    assert.deepEqual(simulator.turns[0]?.blocks, ['user-1']);
    assert.equal((await client.agents.blocks.retrieve('user-1', { agent_id: AGENT })).value, 'a');
    await client.agents.blocks.detach(first.id, { agent_id: AGENT });
    await assert.rejects(client.agents.blocks.detach(first.id, { agent_id: AGENT }), statusOf(404));
    await client.agents.blocks.attach(second.id, { agent_id: AGENT });
    assert.deepEqual(
      (await client.agents.blocks.list(AGENT)).items.map(({ id }) => id),
      [second.id],
    );
    assert.equal((await client.blocks.list({ label: 'user-1' })).items.length, 2);
    await assert.rejects(client.blocks.list({ label: 'no spaces' }), statusOf(422));
    assert.equal((await client.blocks.update(second.id, { value: 'c' })).value, 'c');
    await client.blocks.delete(second.id);
    assert.deepEqual(simulator.attachedLabels(AGENT), []);
    await assert.rejects(client.blocks.retrieve(second.id), statusOf(404));
  });

  test('identities: one per identifier key', async () => {
    await using simulator = await start();
    const client = clientOf(simulator);
    const body = { identifier_key: 'telegram:1', name: 'Ann', identity_type: 'user' };
    const made: unknown = await client.post('/v1/identities/', { body });
    await assert.rejects(client.post('/v1/identities/', { body }), statusOf(409));
    assert.deepEqual(await client.get('/v1/identities/', { query: { identifier_key: 'telegram:1' } }), [made]);
    assert.deepEqual(await client.get('/v1/identities/', { query: { identifier_key: 'telegram:2' } }), []);
    await assert.rejects(client.post('/v1/identities/', { body: { name: 'x' } }), statusOf(422));
    assert.ok(typeof made === 'object' && made !== null && 'id' in made);
    await client.agents.identities.attach(String(made.id), { agent_id: AGENT });
    assert.deepEqual((await client.agents.retrieve(AGENT)).identity_ids, [made.id]);
  });
});
